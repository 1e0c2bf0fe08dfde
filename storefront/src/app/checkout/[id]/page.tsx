import type { Metadata } from "next";
import { CheckoutStatus } from "@/components/checkout/checkout-status";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Payment", robots: { index: false } };

/** Where the bank's page leads back to, and where a payment that takes its time is waited for. */
export default async function CheckoutStatusPage({ params }: { params: Promise<{ id: string }> }) {
  return (
    <div className="wrap min-h-svh pt-8">
      <CheckoutStatus id={(await params).id} locale={settings().locale} />
    </div>
  );
}
