import type { Metadata } from "next";
import { Suspense } from "react";
import { Entrance } from "@/components/account/entrance";

export const metadata: Metadata = { title: "Sign in", robots: { index: false } };

export default function SignInPage() {
  return (
    <div className="wrap max-w-md pt-12">
      <h1 className="title mb-8">Sign in</h1>
      <Suspense><Entrance isNew={false} /></Suspense>
    </div>
  );
}
