"use client";
import Link from "next/link";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/browser";
import { type Refusal, inWords, refusal } from "@/shop/problems";
import { Field } from "../field";
import { Notice } from "../notice";
import { Form } from "../form";
import { useSecretOfLink } from "./link-secret";

type Outcome = "confirmed" | "whose" | Refusal;

/** Gives the refusal, if any. */
async function confirm(token: string, password?: string): Promise<Refusal | undefined> {
  try {
    const { error, response } = await api.POST("/auth/email/verify", { body: { token, password: password ?? null } });
    return response.ok ? undefined : refusal(error);
  } catch (error) {
    return refusal(error);
  }
}

export function VerifyEmail() {
  const token = useSecretOfLink();
  const asked = useRef(false);
  const [outcome, setOutcome] = useState<Outcome>();
  useEffect(() => {
    if (!token || asked.current) return; // the secret works once: React's second round must not use it up
    asked.current = true;
    void confirm(token).then((refused) => setOutcome(refused?.code === "confirm_identity" ? "whose" : (refused ?? "confirmed")));
  }, [token]);
  if (token === null) return <Notice>Please open this page with the link in our e-mail. The link is incomplete: please copy all of it.</Notice>;
  if (!token || !outcome) return <p role="status">One moment …</p>;
  if (outcome === "confirmed") {
    return (
      <div className="space-y-6">
        <Notice tone="good">Your e-mail address is confirmed. Orders that you placed with it as a guest are now in your account.</Notice>
        <p><Link className="button" prefetch={false} href="/account">Go to your account</Link></p>
      </div>
    );
  }
  if (outcome !== "whose") return <Notice>{inWords(outcome)}</Notice>;
  return (
    <div className="space-y-6">
      <p>Nobody is signed in here. To confirm the address, please enter the password for your account.</p>
      <Form
        action="Confirm the address"
        send={async (values) => {
          const refused = await confirm(token, String(values.get("password")));
          if (!refused) setOutcome("confirmed");
          return refused;
        }}
      >
        {(errors) => <Field label="Password" name="password" type="password" autoComplete="current-password" required error={errors.password} />}
      </Form>
      <p>
        Did you not create this account, or have you forgotten the password?{" "}
        <a className="link" href={`/account/reset-password#token=${encodeURIComponent(token)}`}>Set a new password</a>. Anyone
        signed in to the account is then signed out, and the address is confirmed.
      </p>
    </div>
  );
}
