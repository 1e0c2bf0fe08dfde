import type { Metadata } from "next";
import { ForgotPassword } from "@/components/account/password-forms";

export const metadata: Metadata = { title: "Forgot your password", robots: { index: false } };

export default function ForgotPasswordPage() {
  return (
    <div className="wrap max-w-md pt-12">
      <h1 className="title mb-8">Forgot your password</h1>
      <ForgotPassword />
    </div>
  );
}
