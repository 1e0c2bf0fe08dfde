"use client";
import Link from "next/link";
import { useEffect } from "react";
import { type Cart, loadCart, useCart } from "@/shop/cart";
import { inWords } from "@/shop/problems";
import { money } from "@/words/money";
import { CartLines } from "./cart-lines";

/** The cart as the server found it; with scripts it goes on from there. */
export function CartView({ first, locale }: { first: Cart | undefined; locale: string }) {
  const { cart = first, problem } = useCart();
  useEffect(() => void loadCart(), []);
  if (!cart) return <p className="py-10 text-soft">{problem ? inWords(problem) : "Looking into your cart …"}</p>;
  if (!cart.lines.length) {
    return (
      <div className="py-10">
        <p className="text-lg">There is nothing in it yet.</p>
        <p className="mt-6"><Link className="button" prefetch={false} href="/search">Look around</Link></p>
      </div>
    );
  }
  return (
    <div className="grid gap-8 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="border-y border-line"><CartLines cart={cart} locale={locale} /></div>
      <aside aria-labelledby="sum" className="card self-start p-6 lg:sticky lg:top-24">
        <h2 id="sum" className="sr-only">Sum</h2>
        <p className="flex justify-between text-lg font-medium">
          <span>Subtotal</span>
          <span>{money(cart.subtotal, locale)}</span>
        </p>
        <p className="mt-1 text-sm text-soft">Shipping and tax are shown before you pay.</p>
        {cart.stale && <p className="mt-3 text-sm text-clay">Prices and stock cannot be looked up right now; the checkout will.</p>}
        {/* A full navigation: the checkout is a document with a policy of its own. */}
        <a href="/checkout" className="button mt-5 w-full">Check out</a>
      </aside>
    </div>
  );
}
