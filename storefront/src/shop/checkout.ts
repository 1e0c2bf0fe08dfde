"use client";
import { api, listen, type Schemas } from "@/api/browser";
import { inLine, type Patience } from "./patience";
import { type Refusal, refusal } from "./problems";

export type Checkout = Schemas["CheckoutView"];
export type CheckoutRequest = Schemas["CheckoutRequest"];

/** What came of trying to pay: how the checkout stands, or why it was refused. */
export type Outcome = { checkout: Checkout; problem?: undefined } | { checkout?: undefined; problem: CheckoutRefusal; retryAfter?: number };
/** A line of which there are fewer than wanted. */
export interface ShortLine {
  sku: string;
  title?: string;
  options?: Record<string, string>;
  requested: number;
  available: number;
}

/** A refusal of the checkout, or of a quote, with what its codes add. */
export type CheckoutRefusal = Refusal & { checkout_id?: string; lines?: ShortLine[]; order?: Schemas["OrderRef"] };

/** What is done once for a key, however often it is asked for: the same wish keeps its key over a lost answer. */
const lastKeys = new Map<string, string>();
function keyFor(wish: string): string {
  const key = lastKeys.get(wish) ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  lastKeys.set(wish, key);
  return key;
}

/**
 * Sends a wish with its key, and again with the same key while the shop is busy: so it keeps its place. Once it has been
 * refused, the same wish is another try, with another key.
 */
async function once(wish: unknown, patience: Patience, send: (header: { "Idempotency-Key": string }) => Promise<Answer>): Promise<Outcome> {
  const text = JSON.stringify(wish);
  const came = await inLine(() => outcome(() => send({ "Idempotency-Key": keyFor(text) })), patience);
  if (came.problem && came.problem.status >= 400 && came.problem.status < 500) lastKeys.delete(text);
  return came;
}

export async function placeOrder(wish: CheckoutRequest, patience: Patience): Promise<Outcome> {
  return once(wish, patience, (header) => api.POST("/checkout", { params: { header }, body: wish }));
}

/** Another card for a checkout that has its stock already. */
export async function payAgain(id: string, paymentMethod: string, patience: Patience): Promise<Outcome> {
  const body = { payment_method: paymentMethod };
  return once([id, body], patience, (header) => api.POST("/checkout/{checkout_id}/payments", { params: { path: { checkout_id: id }, header }, body }));
}

/** After the bank's page: asks the processor how it went. */
export async function confirm(id: string): Promise<Outcome> {
  return outcome(() => api.POST("/checkout/{checkout_id}/confirm", { params: { path: { checkout_id: id } } }));
}

export async function cancel(id: string): Promise<Outcome> {
  return outcome(() => api.POST("/checkout/{checkout_id}/cancel", { params: { path: { checkout_id: id } } }));
}

interface Answer {
  data?: unknown;
  error?: unknown;
  response: Response;
}

async function outcome(call: () => Promise<Answer>): Promise<Outcome> {
  try {
    const { data, error, response } = await call();
    return data ? { checkout: data as Checkout } : { problem: refusal(error), retryAfter: Number(response.headers.get("Retry-After")) };
  } catch (error) {
    return { problem: refusal(error) };
  }
}

/** Where the order of a completed checkout is shown. The token lets a guest in; what follows `#` is sent to nobody. */
export function orderAddress({ number, token }: Schemas["OrderRef"]): string {
  return `/orders/${number}#token=${encodeURIComponent(token)}`;
}

/** Calls back with how a checkout stands, at once and at every change, until it ends; gives the way to stop. */
export function follow(id: string, onChange: (checkout: Checkout) => void): () => void {
  return listen(`/api/checkout/${id}/events`, "status", onChange);
}

export const hasEnded = ({ status }: Checkout): boolean => ["completed", "failed", "cancelled", "expired"].includes(status);
