import type { Metadata } from "next";
import { OrderPage } from "@/components/order-page";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Order", robots: { index: false }, referrer: "no-referrer" };

export default async function Page({ params }: { params: Promise<{ ref: string }> }) {
  return (
    <div className="wrap min-h-svh pt-8">
      <noscript>
        <h1 className="title">Your order</h1>
        <p className="mt-4 max-w-xl text-lg text-soft">
          This page needs JavaScript. Please switch it on, then open the link in our e-mail again. Our e-mails also say
          what you bought, what it cost and where it is. If you have lost them, we can <a className="link" href="/find-order">send you the link again</a>. To
          change or cancel the order, please <a className="link" href="/contact">contact us</a>.
        </p>
      </noscript>
      <OrderPage reference={(await params).ref} locale={settings().locale} />
    </div>
  );
}
