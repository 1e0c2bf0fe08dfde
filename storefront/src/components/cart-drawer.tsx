"use client";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/browser";
import { useCart } from "@/shop/cart";
import { useDelivery } from "@/shop/delivery";
import { locale } from "@/shop/locale";
import { inWords } from "@/shop/problems";
import { money } from "@/words/money";
import { CartLines } from "./cart-lines";
import { FreeDelivery } from "./free-delivery";
import { LaterGoods } from "./later-goods";
import { PriceNote, type Tax } from "./price-note";
import { Cross } from "./icons";

/** What prices include in the shop's country; undefined until it is known. */
function useTax(country: string): Tax | undefined {
  const [tax, setTax] = useState<Tax>();
  useEffect(() => {
    let isGone = false;
    api.GET("/tax/{country}", { params: { path: { country } } }).then(
      ({ data }) => !isGone && setTax(data),
      () => undefined, // nothing is said of it then
    );
    return () => {
      isGone = true;
    };
  }, [country]);
  return tax;
}

function Empty() {
  return (
    <>
      <p className="py-6 text-soft">Your cart is empty.</p>
      <LaterGoods columns="drawer" />
    </>
  );
}

export default function CartDrawer({ country, onClose }: { country: string; onClose: () => void }) {
  const { cart, problem } = useCart();
  const tax = useTax(country);
  const sent = useDelivery(0);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="drawer-title"
      onClose={onClose}
      onClick={(click) => click.target === dialog.current && dialog.current.close()}
      className="m-0 ml-auto h-dvh max-h-none w-full max-w-md bg-paper text-ink shadow-2xl backdrop:bg-black/50"
    >
      <div className="flex h-full flex-col">
        <div className="flex items-center justify-between border-b border-line px-5 py-3">
          <h2 id="drawer-title" className="font-serif text-2xl">Cart</h2>
          <button type="button" className="-mr-2 flex size-11 items-center justify-center" aria-label="Close the cart" onClick={() => dialog.current?.close()}>
            <Cross />
          </button>
        </div>
        <div className="flex-1 overflow-y-auto px-5">
          {problem && <p role="alert" className="py-6 text-alarm">{inWords(problem)}</p>}
          {!cart && !problem && <p className="py-6 text-soft">Loading your cart …</p>}
          {cart && <CartLines cart={cart} locale={locale()} empty={<Empty />} />}
        </div>
        {cart && cart.lines.length > 0 && (
          <div className="border-t border-line bg-sheet p-5">
            <p className="flex justify-between text-lg font-medium">
              <span>Subtotal</span>
              <span>{money(cart.subtotal, locale())}</span>
            </p>
            <PriceNote tax={tax} className="mt-1" />
            <FreeDelivery subtotal={cart.subtotal} sent={sent} locale={locale()} />
            <div className="mt-4 grid gap-2">
              <a href="/checkout" className="button">Check out</a>
              <a href="/cart" className="button-quiet">View the cart</a>
            </div>
          </div>
        )}
      </div>
    </dialog>
  );
}
