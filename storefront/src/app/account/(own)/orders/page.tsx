import type { Metadata } from "next";
import { OwnOrders } from "@/components/account/orders-list";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Orders", robots: { index: false } };

export default function OrdersPage() {
  return (
    <>
      <h1 className="title mb-6">Orders</h1>
      <OwnOrders locale={settings().locale} />
    </>
  );
}
