"use client";
import { useEffect, useRef } from "react";
import { useCart } from "@/shop/cart";
import { locale } from "@/shop/locale";
import { inWords } from "@/shop/problems";
import { money } from "@/words/money";
import { CartLines } from "./cart-lines";
import { Cross } from "./icons";

export default function CartDrawer({ onClose }: { onClose: () => void }) {
  const { cart, problem } = useCart();
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
          {cart && <CartLines cart={cart} locale={locale()} empty={<p className="py-6 text-soft">Your cart is empty.</p>} />}
        </div>
        {cart && cart.lines.length > 0 && (
          <div className="border-t border-line bg-sheet p-5">
            <p className="flex justify-between text-lg font-medium">
              <span>Subtotal</span>
              <span>{money(cart.subtotal, locale())}</span>
            </p>
            <p className="mt-1 text-sm text-soft">Shipping and tax are calculated at checkout.</p>
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
