import type { components } from "@/api/schema";

type State = components["schemas"]["OrderView"]["state"];

const WORDS: Record<State, string> = {
  created: "Waiting for the payment",
  paid: "Paid",
  fulfilling: "Being packed",
  shipped: "On its way",
  delivered: "Delivered",
  cancelled: "Cancelled",
  partly_refunded: "Partly refunded",
  refunded: "Refunded",
};

/** How an order stands, for its customer. */
export const stateInWords = (state: State): string => WORDS[state];

/** The way of an order that goes well, and how far this one is on it. Undefined for one that ended otherwise. */
export const WAY = ["created", "paid", "fulfilling", "shipped", "delivered"] as const satisfies State[];
export function wayOf(state: State): number | undefined {
  const index = (WAY as readonly State[]).indexOf(state);
  return index < 0 ? undefined : index;
}

const HISTORY: Record<string, string> = {
  created: "You ordered",
  payment_accepted: "Your bank agreed to the payment",
  payment_failed: "A card was declined",
  payment_captured: "The payment arrived",
  capture_failed: "The payment could not be taken",
  fulfilment_begun: "We began to pack it",
  shipped: "It was handed to the carrier",
  label_failed: "The carrier did not take it; we are looking at it",
  relabelled: "It got another label",
  delivered: "It arrived",
  refunded: "Money went back to you",
  payment_after_cancellation: "A late payment was given back",
  second_authorization: "A second payment was given back",
  amount_mismatch: "A payment of another amount was given back",
};
const CANCELLED: Record<string, string> = {
  customer_request: "You cancelled the order",
  merchant_request: "The shop cancelled the order",
  checkout_cancelled: "You left before it was paid",
  checkout_expired: "The order ended: it was not paid in time",
  capture_failed: "The order ended: the payment could not be taken",
};

/** An entry of an order's history, for its customer. A word that is new here is shown as it is, readable at least. */
export function noteInWords(note: string): string {
  const [kind = "", reason] = note.split(": ");
  if (kind === "cancelled") return CANCELLED[reason ?? ""] ?? "The order was cancelled";
  return HISTORY[kind] ?? kind.replaceAll("_", " ");
}
