import type { Metadata } from "next";
import Link from "next/link";
import { ChangePassword } from "@/components/account/password-forms";
import { Privacy } from "@/components/account/privacy";
import { Sessions } from "@/components/account/security";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Sign-in and privacy", robots: { index: false } };

export default function SecurityPage() {
  return (
    <>
      <h1 className="title mb-6">Sign-in and privacy</h1>
      <section aria-labelledby="password">
        <h2 id="password" className="mb-3 font-serif text-2xl">Password</h2>
        <p className="mb-4 max-w-xl text-soft">When you change it, you stay signed in here and all your other devices are signed out.</p>
        <div className="max-w-md"><ChangePassword /></div>
        <p className="mt-4"><Link className="link" prefetch={false} href="/account/forgot-password">I have forgotten my password</Link></p>
      </section>
      <div className="mt-12">
        <Privacy locale={settings().locale} />
      </div>
      <section aria-labelledby="sessions" className="mt-12">
        <h2 id="sessions" className="mb-4 font-serif text-2xl">Where you are signed in</h2>
        <Sessions locale={settings().locale} />
      </section>
    </>
  );
}
