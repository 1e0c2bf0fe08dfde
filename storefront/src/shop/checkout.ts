"use client";
import { api, listen, type Schemas } from "@/api/browser";
import { type Refusal, refusal } from "./problems";

export type Checkout = Schemas["CheckoutView"];
export type CheckoutRequest = Schemas["CheckoutRequest"];

/** What came of trying to pay: how the checkout stands, or why it was refused. */
export type Outcome = { checkout: Checkout; problem?: undefined } | { checkout?: undefined; problem: CheckoutRefusal };
/** A line of which there are fewer than wanted. */
export interface ShortLine {
  sku: string;
  title?: string;
  options?: Record<string, string>;
  requested: number;
  available: number;
}

/** A short line as the API has it: until this release it said `wanted` and `left`. */
type ShortLineSaid = Omit<ShortLine, "requested" | "available"> & { requested?: number; available?: number; wanted?: number; left?: number };
/** A refusal of the checkout, with what its codes add. */
export type CheckoutRefusal = Refusal & { checkout_id?: string; lines?: ShortLine[] };

/** An order is made once for a key, however often it is asked for; the same wish keeps its key over a lost answer. */
const lastKeys = new Map<string, string>();
function keyFor(wish: unknown): string {
  const text = JSON.stringify(wish);
  const key = lastKeys.get(text) ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  lastKeys.set(text, key);
  return key;
}

export async function placeOrder(wish: CheckoutRequest): Promise<Outcome> {
  return outcome(() => api.POST("/checkout", { params: { header: { "Idempotency-Key": keyFor(wish) } }, body: wish }));
}

/** Another card for a checkout that has its stock already. */
export async function payAgain(id: string, paymentMethod: string): Promise<Outcome> {
  const wish = { payment_method: paymentMethod };
  return outcome(() =>
    api.POST("/checkout/{checkout_id}/payments", {
      params: { path: { checkout_id: id }, header: { "Idempotency-Key": keyFor([id, wish]) } },
      body: wish,
    }),
  );
}

/** After the bank's page: asks the processor how it went. */
export async function confirm(id: string): Promise<Outcome> {
  return outcome(() => api.POST("/checkout/{checkout_id}/confirm", { params: { path: { checkout_id: id } } }));
}

export async function cancel(id: string): Promise<Outcome> {
  return outcome(() => api.POST("/checkout/{checkout_id}/cancel", { params: { path: { checkout_id: id } } }));
}

async function outcome(call: () => Promise<{ data?: unknown; error?: unknown }>): Promise<Outcome> {
  try {
    const { data, error } = await call();
    return data ? { checkout: data as Checkout } : { problem: checkoutRefusal(error) };
  } catch (error) {
    return { problem: refusal(error) };
  }
}

/** A refusal of the checkout, or of a quote, with its lines. */
export function checkoutRefusal(error: unknown): CheckoutRefusal {
  const problem: CheckoutRefusal = refusal(error);
  const said = problem.lines as ShortLineSaid[] | undefined;
  if (!said) return problem;
  const lines = said.map((line) => ({ ...line, requested: line.requested ?? line.wanted ?? 0, available: line.available ?? line.left ?? 0 }));
  return { ...problem, lines };
}

/** Where the order of a completed checkout is shown. The token lets a guest in. */
export function orderAddress({ number, token }: Schemas["OrderRef"]): string {
  return `/orders/${number}?token=${encodeURIComponent(token)}`;
}

/** Calls back with how a checkout stands, at once and at every change, until it ends; gives the way to stop. */
export function follow(id: string, onChange: (checkout: Checkout) => void): () => void {
  return listen(`/api/checkout/${id}/events`, "status", onChange);
}

export const hasEnded = ({ status }: Checkout): boolean => ["completed", "failed", "cancelled", "expired"].includes(status);
