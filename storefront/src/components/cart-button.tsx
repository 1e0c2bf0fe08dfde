"use client";
import { lazy, Suspense, useSyncExternalStore } from "react";
import { closeDrawer, loadCart, openDrawer, useCart } from "@/shop/cart";
import { onMemory, piecesRemembered } from "@/shop/memory";
import { Bag } from "./icons";

const CartDrawer = lazy(() => import("./cart-drawer"));

/** Leads to the cart page without scripts; with them it opens the drawer. */
export function CartButton({ country }: { country: string }) {
  const pieces = useSyncExternalStore(onMemory, piecesRemembered, () => 0);
  const { isOpen } = useCart();
  return (
    <>
      <a
        href="/cart"
        onClick={(click) => {
          if (click.metaKey || click.ctrlKey || click.shiftKey) return;
          click.preventDefault();
          openDrawer();
          void loadCart();
        }}
        className="relative -mr-2 flex size-11 items-center justify-center"
        aria-label={pieces ? `Cart, ${pieces} ${pieces === 1 ? "item" : "items"}` : "Cart"}
      >
        <Bag />
        {pieces > 0 && (
          <span className="absolute top-0.5 right-0 min-w-5 rounded-full bg-pine px-1 text-center text-xs leading-5 font-medium text-on-pine">
            {pieces}
          </span>
        )}
      </a>
      {isOpen && (
        <Suspense>
          <CartDrawer country={country} onClose={closeDrawer} />
        </Suspense>
      )}
    </>
  );
}
