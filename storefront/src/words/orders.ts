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
