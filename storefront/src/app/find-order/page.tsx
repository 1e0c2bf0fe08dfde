import type { Metadata } from "next";
import { FindOrder } from "@/components/find-order";

export const metadata: Metadata = { title: "Find your order", robots: { index: false } };

export default function FindOrderPage() {
  return <FindOrder />;
}
