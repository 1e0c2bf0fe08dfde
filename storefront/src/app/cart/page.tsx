import type { Metadata } from "next";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { apiFor, delivery, tax } from "@/api/server";
import { CartView } from "@/components/cart-view";
import { Goods } from "@/components/offers";
import { renewalOf } from "@/page/forms";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Cart", robots: { index: false } };

interface Props {
  searchParams: Promise<{ refused?: string }>;
}

export default async function CartPage({ searchParams }: Props) {
  const { refused } = await searchParams;
  const [{ data, response }, taxed, sent] = await Promise.all([apiFor((await cookies()).toString()).GET("/cart"), tax(), delivery(0)]);
  if (response.status === 401) redirect(renewalOf("/cart"));
  return (
    <div className="wrap pt-8">
      <h1 className="title mb-6">Cart</h1>
      {refused && (
        <p role="alert" className="mb-6 rounded-xl bg-sand p-4 text-alarm">
          {REFUSALS.get(refused) ?? "We could not make that change. This is your cart as it is now."}
        </p>
      )}
      <CartView first={data} locale={settings().locale} tax={taxed} sent={sent} goods={data?.lines.length ? undefined : <Goods />} />
    </div>
  );
}

// A Map: the address names the key, and an object has more members than are written here.
const REFUSALS = new Map([
  ["no_such_variant", "This combination is not available. Please choose another one."],
  ["out_of_stock", "There are not enough left."],
  ["cart_full", "Your cart is full. Please remove something first."],
]);
