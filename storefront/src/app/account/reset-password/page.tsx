import type { Metadata } from "next";
import { ResetPassword } from "@/components/account/password-forms";

export const metadata: Metadata = { title: "Choose a new password", robots: { index: false } };

export default function ResetPasswordPage() {
  return (
    <div className="wrap max-w-md pt-12">
      <h1 className="title mb-8">Choose a new password</h1>
      <ResetPassword />
    </div>
  );
}
