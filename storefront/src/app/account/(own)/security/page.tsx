import type { Metadata } from "next";
import { Privacy } from "@/components/account/privacy";
import { Sessions } from "@/components/account/security";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Sign-in and privacy", robots: { index: false } };

export default function SecurityPage() {
  return (
    <>
      <h1 className="title mb-6">Sign-in and privacy</h1>
      <section aria-labelledby="sessions">
        <h2 id="sessions" className="mb-4 font-serif text-2xl">Where you are signed in</h2>
        <Sessions locale={settings().locale} />
      </section>
      <div className="mt-12">
        <Privacy locale={settings().locale} />
      </div>
    </>
  );
}
