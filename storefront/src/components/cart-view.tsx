"use client";
import Link from "next/link";
import { type ReactNode, useEffect } from "react";
import type { components } from "@/api/schema";
import { type Cart, loadCart, useCart } from "@/shop/cart";
import { inWords } from "@/shop/problems";
import { money } from "@/words/money";
import { CartLines, leftOf } from "./cart-lines";
import { FreeDelivery } from "./free-delivery";
import { LaterGoods } from "./later-goods";
import { PriceNote, type Tax } from "./price-note";

interface Props {
  first: Cart | undefined;
  locale: string;
  tax: Tax | undefined;
  sent: components["schemas"]["Delivery"] | undefined;
  /** What an empty cart offers, if the server found it empty. */
  goods: ReactNode;
}

/** The cart as the server found it; with scripts it goes on from there. */
export function CartView({ first, locale, tax, sent, goods }: Props) {
  const { cart = first, problem } = useCart();
  useEffect(() => void loadCart(), []);
  if (!cart) return <p className="py-10 text-soft">{problem ? inWords(problem) : "Loading your cart …"}</p>;
  const isEmpty = !cart.lines.length;
  const short = cart.lines.filter((line) => leftOf(line) !== null).length;
  return (
    <div className={isEmpty ? "" : "grid gap-8 lg:grid-cols-[minmax(0,1fr)_22rem]"}>
      <div className={isEmpty ? "" : "border-y border-line"}>
        <CartLines
          cart={cart}
          locale={locale}
          empty={
            <div className="py-10">
              <p className="text-lg">Your cart is empty.</p>
              <p className="mt-6"><Link className="button" prefetch={false} href="/search">Browse the shop</Link></p>
              {goods ?? <div className="mt-16"><LaterGoods columns="row" /></div>}
            </div>
          }
        />
      </div>
      {!isEmpty && (
        <aside aria-labelledby="sum" className="card self-start p-6 lg:sticky lg:top-24">
          <h2 id="sum" className="sr-only">Summary</h2>
          <p className="flex justify-between text-lg font-medium">
            <span>Subtotal</span>
            <span>{money(cart.subtotal, locale)}</span>
          </p>
          <PriceNote tax={tax} className="mt-1" />
          <FreeDelivery subtotal={cart.subtotal} sent={sent} locale={locale} />
          {cart.stale && <p className="mt-3 text-sm text-clay">We cannot look up prices and stock right now. You will see them at checkout.</p>}
          {short > 0 && (
            <p className="mt-3 text-sm text-clay">
              {short === 1 ? "One item is not available as you want it." : `${short} items are not available as you want them.`} Please correct the cart first.
            </p>
          )}
          {/* A full navigation: the checkout is a document with a policy of its own. */}
          <a href="/checkout" className="button mt-5 w-full">Check out</a>
        </aside>
      )}
    </div>
  );
}
