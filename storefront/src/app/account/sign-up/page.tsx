import type { Metadata } from "next";
import { Suspense } from "react";
import { Entrance } from "@/components/account/entrance";

export const metadata: Metadata = { title: "Create an account", robots: { index: false } };

export default function SignUpPage() {
  return (
    <div className="wrap max-w-md pt-12">
      <h1 className="title mb-8">Create an account</h1>
      <Suspense><Entrance isNew /></Suspense>
    </div>
  );
}
