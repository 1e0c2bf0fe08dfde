import type { Metadata } from "next";
import { CheckoutForm } from "@/components/checkout/checkout-form";
import { settings } from "@/settings";
import { countries } from "@/words/countries";

export const metadata: Metadata = { title: "Checkout", robots: { index: false } };

export default function CheckoutPage() {
  const { locale, country } = settings();
  return (
    <div className="wrap max-w-5xl pt-8">
      <h1 className="title mb-8">Checkout</h1>
      <noscript>
        <p className="mb-8 rounded-xl bg-sand p-4">The card processor&rsquo;s form needs JavaScript. Please allow it for this page to pay.</p>
      </noscript>
      <CheckoutForm locale={locale} country={country} countries={countries(locale)} />
    </div>
  );
}
