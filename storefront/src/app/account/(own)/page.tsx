import type { Metadata } from "next";
import { Overview } from "@/components/account/overview";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Account", robots: { index: false } };

export default function AccountPage() {
  const { locale } = settings();
  return <Overview locale={locale} />;
}
