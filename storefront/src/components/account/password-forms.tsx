"use client";
import Link from "next/link";
import { useState } from "react";
import { api } from "@/api/browser";
import { refusal } from "@/shop/problems";
import { Field } from "../field";
import { Notice } from "../notice";
import { Form } from "../form";
import { useSecretOfLink } from "./link-secret";

export function ForgotPassword() {
  const [isSent, setSent] = useState(false);
  if (isSent) {
    return <Notice tone="good">If there is an account with that address, an e-mail with a link is on its way. The link works for half an hour.</Notice>;
  }
  return (
    <Form
      action="Send me a link"
      send={async (values) => {
        const { error, response } = await api.POST("/auth/password/forgot", { body: { email: String(values.get("email")) } });
        if (!response.ok) return refusal(error);
        setSent(true);
        return undefined;
      }}
    >
      {(errors) => <Field label="E-mail" name="email" type="email" autoComplete="email" required error={errors.email} />}
    </Form>
  );
}

export function ChangePassword() {
  const [isDone, setDone] = useState(false);
  if (isDone) return <Notice tone="good">Your password has been changed, and all your other devices have been signed out. We have sent you an e-mail about it.</Notice>;
  return (
    <Form
      action="Change the password"
      send={async (values) => {
        const { error, response } = await api.POST("/auth/password/change", {
          body: { current_password: String(values.get("current_password")), password: String(values.get("password")) },
        });
        if (!response.ok) return refusal(error);
        setDone(true);
        return undefined;
      }}
    >
      {(errors) => (
        <>
          <Field label="Current password" name="current_password" type="password" autoComplete="current-password" required error={errors.current_password} />
          <Field label="New password" name="password" type="password" autoComplete="new-password" required minLength={10} error={errors.password} hint="At least 10 characters; a sentence is fine." />
        </>
      )}
    </Form>
  );
}

export function ResetPassword() {
  const token = useSecretOfLink();
  const [isDone, setDone] = useState(false);
  if (isDone) {
    return (
      <div className="space-y-6">
        <Notice tone="good">Your password has been changed, and all your other devices have been signed out.</Notice>
        <p><Link className="button" prefetch={false} href="/account/sign-in">Sign in</Link></p>
      </div>
    );
  }
  if (token === null) return <Notice>Please open this page with the link in our e-mail. The link is incomplete: please copy all of it.</Notice>;
  return (
    <Form
      action="Change the password"
      send={async (values) => {
        const { error, response } = await api.POST("/auth/password/reset", { body: { token: token ?? "", password: String(values.get("password")) } });
        if (!response.ok) return refusal(error);
        setDone(true);
        return undefined;
      }}
    >
      {(errors) => (
        <Field label="New password" name="password" type="password" autoComplete="new-password" required minLength={10} error={errors.password} hint="At least 10 characters; a sentence is fine." />
      )}
    </Form>
  );
}
