import type { Metadata } from "next";
import { Suspense } from "react";
import { OrderPage } from "@/components/order-page";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Order", robots: { index: false }, referrer: "no-referrer" };

export default async function Page({ params }: { params: Promise<{ ref: string }> }) {
  return (
    <div className="wrap min-h-svh pt-8">
      <Suspense>
        <OrderPage reference={(await params).ref} locale={settings().locale} />
      </Suspense>
    </div>
  );
}
