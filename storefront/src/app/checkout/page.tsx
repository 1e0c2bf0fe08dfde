import type { Metadata } from "next";
import { CheckoutForm } from "@/components/checkout/checkout-form";
import { settings } from "@/settings";
import { countries } from "@/words/countries";

export const metadata: Metadata = { title: "Checkout", robots: { index: false } };

export default function CheckoutPage() {
  const { locale, country } = settings();
  return (
    <div className="wrap min-h-svh pt-8">
      <h1 className="title mb-6">Checkout</h1>
      <noscript>
        <p className="mb-8 rounded-xl bg-sand p-4">Paying by card needs JavaScript. Please allow it for this page.</p>
      </noscript>
      <CheckoutForm locale={locale} country={country} countries={countries(locale)} />
    </div>
  );
}
