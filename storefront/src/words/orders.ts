import type { components } from "@/api/schema";
import { money } from "./money";

type Schemas = components["schemas"];
export type Goods = "awaiting_payment" | "preparing" | "shipped" | "delivered" | "cancelled";
export type Funds = "unpaid" | "authorized" | "paid" | "refund_pending" | "partly_refunded" | "refunded" | "voided";
/** Goods and money are two states: a refund says nothing about where a parcel is. */
interface States {
  fulfilment_status?: Goods;
  payment_status?: Funds;
}
export type Order = Schemas["OrderView"] & States & { cancellable_until?: string | null; promised_from?: string | null; promised_to?: string | null };
export type OrderInList = Schemas["OrderSummary"] & States;

/** Where the goods are. */
export function goodsOf(order: Order): Goods {
  return order.fulfilment_status ?? goodsIn(order.timeline.at(-1)?.state ?? order.state);
}

function goodsIn(state: string): Goods {
  if (state === "created") return "awaiting_payment";
  if (state === "shipped" || state === "delivered" || state === "cancelled") return state;
  return "preparing";
}

/** Where the money is. */
export function fundsOf(order: Order): Funds {
  if (order.payment_status) return order.payment_status;
  const notes = new Set(order.timeline.map(({ note }) => note));
  if (!notes.has("payment_accepted")) return "unpaid";
  if (order.refunded.amount) return order.refunded.amount >= order.totals.total.amount ? "refunded" : "partly_refunded";
  if (goodsOf(order) === "cancelled") return notes.has("payment_captured") ? "refund_pending" : "voided";
  return notes.has("payment_captured") ? "paid" : "authorized";
}

/** The heading of an order's page. */
export function headline(order: Order): string {
  const [first] = order.shipping_address.name.trim().split(/\s+/);
  switch (goodsOf(order)) {
    case "awaiting_payment":
      return "We are waiting for your payment.";
    case "preparing":
      return first ? `Thank you, ${first}.` : "Thank you.";
    case "shipped":
      return "Your order is on its way.";
    case "delivered":
      return "Your order has been delivered.";
    case "cancelled":
      return "Your order is cancelled.";
  }
}

/** What has become of the money, in a sentence. Undefined: nothing worth saying. */
export function fundsInWords(order: Order, locale: string): string | undefined {
  const total = money(order.totals.total, locale);
  switch (fundsOf(order)) {
    case "unpaid":
      return goodsOf(order) === "cancelled" ? "Nothing was charged." : undefined;
    case "authorized":
    case "paid":
      return `${total} paid by card.`;
    case "partly_refunded":
      return `${money(order.refunded, locale)} of ${total} was refunded to your card. Banks usually take 5 to 10 days to show it.`;
    case "refunded":
      return `${money(order.refunded, locale)} was refunded to your card. Banks usually take 5 to 10 days to show it.`;
    case "refund_pending":
      return `${total} is on its way back to your card. Banks usually take 5 to 10 days to show it.`;
    case "voided":
      return `Your card was not charged. Your bank releases the ${total} it had set aside, usually within a few days.`;
  }
}

/** The way of the goods, step by step. */
export const STEPS = [
  ["awaiting_payment", "Ordered"],
  ["preparing", "Preparing"],
  ["shipped", "On its way"],
  ["delivered", "Delivered"],
] as const satisfies [Goods, string][];

const IN_LIST: Record<Schemas["OrderView"]["state"], string> = {
  created: "Waiting for payment",
  paid: "Preparing",
  fulfilling: "Preparing",
  shipped: "On its way",
  delivered: "Delivered",
  cancelled: "Cancelled",
  partly_refunded: "Partly refunded",
  refunded: "Refunded",
};
const GOODS: Record<Goods, string> = {
  awaiting_payment: "Waiting for payment",
  preparing: "Preparing",
  shipped: "On its way",
  delivered: "Delivered",
  cancelled: "Cancelled",
};

/** How an order stands, in a list: its goods, and a refund if there is one. */
export function stateInWords({ state, fulfilment_status: goods, payment_status: funds }: OrderInList): string {
  if (!goods) return IN_LIST[state];
  const refund = { partly_refunded: "partly refunded", refunded: "refunded" }[funds as string];
  return refund ? `${GOODS[goods]}, ${refund}` : GOODS[goods];
}

const HISTORY: Record<string, string> = {
  created: "Order placed",
  payment_accepted: "Payment approved by your bank",
  payment_failed: "Card declined",
  payment_captured: "Payment received",
  capture_failed: "Payment failed",
  fulfilment_begun: "Packing started",
  labelled: "Shipping label created",
  shipped: "Handed over to the carrier",
  label_failed: "The carrier could not take the parcel; we are looking into it",
  relabelled: "New shipping label created",
  delivered: "Delivered",
  refunded: "Refund sent",
  withdrawn: "You withdrew from the contract",
  withdrawn_in_part: "You withdrew from part of the contract",
  sent_though_cancelled: "The parcel was sent although the order had been cancelled; we are looking into it",
  payment_after_cancellation: "A late payment was returned",
  second_authorization: "A second payment was returned",
  amount_mismatch: "A payment of a different amount was returned",
};
const CANCELLED: Record<string, string> = {
  customer_request: "Cancelled by you",
  merchant_request: "Cancelled by the shop",
  checkout_cancelled: "Cancelled before payment",
  checkout_replaced: "Cancelled: you changed the order before paying",
  checkout_failed: "Cancelled: the order could not be taken",
  checkout_expired: "Cancelled: the time to pay ran out",
  capture_failed: "Cancelled: the payment failed",
  withdrawn: "Cancelled: you withdrew from the contract",
  refunded: "Cancelled: the payment was refunded",
};

/** An entry of an order's history, for its customer. A word that is new here is shown as it is, readable at least. */
export function noteInWords(note: string): string {
  const [kind = "", reason] = note.split(": ");
  if (kind === "cancelled") return CANCELLED[reason ?? ""] ?? "Cancelled";
  const words = HISTORY[kind] ?? readable(kind);
  return reason === "late" ? `${words}, after the period had ended` : words;
}

const SCANS: Record<string, string> = {
  preparing: "Being prepared",
  label_created: "Shipping label created",
  picked_up: "Picked up by the carrier",
  in_transit: "In transit",
  out_for_delivery: "Out for delivery",
  delivered: "Delivered",
};

/** A carrier's scan, for people. */
export const scanInWords = (status: string): string => SCANS[status] ?? readable(status);

const readable = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1).replaceAll("_", " ");
