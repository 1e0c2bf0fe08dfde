import type { Metadata } from "next";
import { VerifyEmail } from "@/components/account/verify-email";

export const metadata: Metadata = { title: "Confirm your e-mail address", robots: { index: false } };

export default function VerifyEmailPage() {
  return (
    <div className="wrap max-w-md pt-12">
      <h1 className="title mb-8">Confirm your e-mail address</h1>
      <VerifyEmail />
    </div>
  );
}
