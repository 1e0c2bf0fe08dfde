"use client";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { signIn, signUp } from "@/shop/account";
import { nextPath } from "@/shop/next-path";
import { Field } from "../field";
import { Form } from "../form";

const LEAST_PASSWORD = 10;

/** Signing in and signing up. */
export function Entrance({ isNew }: { isNew: boolean }) {
  const search = useSearchParams().toString();
  const other = isNew ? "/account/sign-in" : "/account/sign-up";
  return (
    <>
      <Form
        action={isNew ? "Create the account" : "Sign in"}
        send={async (values) => {
          const [name, email, password] = ["name", "email", "password"].map((field) => String(values.get(field) ?? ""));
          const refused = isNew ? await signUp(name!, email!, password!) : await signIn(email!, password!);
          if (!refused) location.assign(nextPath(search, location.origin));
          return refused;
        }}
      >
        {(errors) => (
          <>
            {isNew && <Field label="Name" name="name" autoComplete="name" required maxLength={200} error={errors.name} />}
            <Field label="E-mail" name="email" type="email" autoComplete="email" required maxLength={254} error={errors.email} />
            <Field
              label="Password"
              name="password"
              type="password"
              autoComplete={isNew ? "new-password" : "current-password"}
              required
              minLength={isNew ? LEAST_PASSWORD : undefined}
              error={errors.password}
              hint={isNew ? `At least ${LEAST_PASSWORD} characters; a sentence is fine.` : undefined}
            />
          </>
        )}
      </Form>
      <p className="mt-6 flex flex-wrap justify-between gap-3">
        <Link className="link" prefetch={false} href={search ? `${other}?${search}` : other}>{isNew ? "I have an account" : "Create an account"}</Link>
        {!isNew && <Link className="link" prefetch={false} href="/account/forgot-password">Forgot your password?</Link>}
      </p>
    </>
  );
}
