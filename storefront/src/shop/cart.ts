"use client";
import { useSyncExternalStore } from "react";
import { api, type Schemas } from "@/api/browser";
import { rememberPieces } from "./memory";
import { type Refusal, refusal } from "./problems";

export type Cart = Schemas["CartView"];
export type CartLine = Schemas["LineView"];

interface State {
  cart: Cart | undefined;
  problem: Refusal | undefined;
  isOpen: boolean;
}

const NOTHING: State = { cart: undefined, problem: undefined, isOpen: false };
let state = NOTHING;
const listeners = new Set<() => void>();

function set(change: Partial<State>): void {
  state = { ...state, ...change };
  if (change.cart) rememberPieces(change.cart.pieces);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The cart of this page, the same for the drawer, the cart page and the badge. */
export function useCart(): State {
  return useSyncExternalStore(subscribe, () => state, () => NOTHING);
}

export async function loadCart(): Promise<void> {
  try {
    const { data, error } = await api.GET("/cart");
    set(data ? { cart: data, problem: undefined } : { problem: refusal(error) });
  } catch (error) {
    set({ problem: refusal(error) });
  }
}

/** Puts something into the cart; gives the refusal if there is one. */
export async function addToCart(sku: string, quantity: number): Promise<Refusal | undefined> {
  return changed(() => api.POST("/cart", { body: { sku, quantity } }));
}

export async function changeLine(sku: string, quantity: number): Promise<Refusal | undefined> {
  return changed(() => api.PATCH("/cart/lines/{sku}", { params: { path: { sku } }, body: { quantity } }));
}

export async function removeLine(sku: string): Promise<Refusal | undefined> {
  return changed(() => api.DELETE("/cart/lines/{sku}", { params: { path: { sku } } }));
}

export const openDrawer = (): void => set({ isOpen: true });
export const closeDrawer = (): void => set({ isOpen: false });

async function changed(call: () => Promise<{ error?: unknown; response: Response }>): Promise<Refusal | undefined> {
  try {
    const { error, response } = await call();
    if (!response.ok) return refusal(error);
  } catch (error) {
    return refusal(error);
  }
  await loadCart();
  return undefined;
}
