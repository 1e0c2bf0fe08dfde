"use client";
import Link from "next/link";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/browser";
import { inWords, refusal } from "@/shop/problems";
import { Notice } from "../notice";
import { useSecretOfLink } from "./link-secret";

export function VerifyEmail() {
  const token = useSecretOfLink();
  const asked = useRef(false);
  const [outcome, setOutcome] = useState<{ isGood: boolean; text: string }>();
  useEffect(() => {
    if (!token || asked.current) return; // the secret works once: React's second round must not use it up
    asked.current = true;
    api.POST("/auth/email/verify", { body: { token } }).then(
      ({ response, error }) =>
        setOutcome(response.ok
          ? { isGood: true, text: "Your e-mail address is confirmed. Orders you made with it as a guest are in your account now." }
          : { isGood: false, text: inWords(refusal(error)) }),
      (error: unknown) => setOutcome({ isGood: false, text: inWords(refusal(error)) }),
    );
  }, [token]);
  if (token === null) return <Notice>This page is opened by the link in a mail. The link is not whole: please copy all of it.</Notice>;
  if (!outcome) return <p role="status">One moment …</p>;
  return (
    <div className="space-y-6">
      <Notice tone={outcome.isGood ? "good" : "bad"}>{outcome.text}</Notice>
      <p><Link className="button" prefetch={false} href="/account">To the account</Link></p>
    </div>
  );
}
