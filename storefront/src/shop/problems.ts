import type { Schemas } from "@/api/browser";

/** A refusal of the API (RFC 9457), with what some codes add to it. */
export type Refusal = Schemas["Problem"] & { errors?: { pointer: string; message: string }[] };

const UNREACHABLE: Refusal = {
  type: "about:blank",
  title: "No connection",
  status: 0,
  code: "unreachable",
  detail: "The shop cannot be reached. Is this device online? Nothing was changed; try again in a moment.",
};

/** Makes one of whatever a call came back with: a body that is not JSON comes from something in between. */
export function refusal(error: unknown): Refusal {
  return typeof error === "object" && error !== null && "code" in error ? (error as Refusal) : UNREACHABLE;
}

/** The refusal in a sentence for the shopper. */
export function inWords(problem: Refusal): string {
  return problem.detail || problem.title;
}

/** Field name -> what is wrong with it, from the JSON pointers of a 422. `/shipping_address/city` is `shipping_address.city`. */
export function byField(problem: Refusal): Record<string, string> {
  return Object.fromEntries(
    (problem.errors ?? []).map(({ pointer, message }) => [pointer.replace(/^\//, "").replaceAll("/", "."), message]),
  );
}
