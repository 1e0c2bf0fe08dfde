import type { Schemas } from "@/api/browser";
import { inSentence } from "@/words/sentence";

/** A refusal of the API (RFC 9457), with what some codes add to it. */
export type Refusal = Schemas["Problem"] & { errors?: { pointer: string; message: string }[] };

const UNREACHABLE: Refusal = {
  type: "about:blank",
  title: "No connection",
  status: 0,
  code: "unreachable",
  detail: "The shop cannot be reached. Please check your connection and try again.",
};

/** Makes one of whatever a call came back with: a body that is not JSON comes from something in between. */
export function refusal(error: unknown): Refusal {
  return typeof error === "object" && error !== null && "code" in error ? (error as Refusal) : UNREACHABLE;
}

/** Refusals that the page can say better than the API, which does not know where the shopper is. */
const PAGE_WORDS: Record<string, string> = {
  stale_version: "This was changed somewhere else in the meantime. You now see the latest version; please make your change again.",
  too_many_requests: "That was too many requests in a short time. Please try again in a minute.",
  unavailable: "The shop cannot do this right now. Nothing was changed; please try again in a moment.",
  busy: "Too many people are buying right now. Nothing was charged; please try again in a moment.",
  timeout: "The shop took too long to answer. Please try again in a moment.",
  internal: "Something went wrong on our side. Please try again in a moment.",
};

/** The refusal in a sentence for the shopper: with a capital and a full stop, whoever wrote it. */
export function inWords(problem: Refusal): string {
  const faults = [...new Set((problem.errors ?? []).map(({ message }) => message))].join(" ");
  return inSentence(PAGE_WORDS[problem.code] ?? (faults || problem.detail || problem.title));
}

/**
 * The refusal, shared out: what stands beside the fields of a form, and what stands above it, because no field of the form
 * has that name. One of the two is never empty: no refusal goes unsaid.
 */
export function sharedOut(problem: Refusal, isField: (name: string) => boolean): { fields: Record<string, string>; above: string | undefined } {
  const all = Object.entries(byField(problem));
  const rest = all.filter(([name]) => !isField(name)).map(([, message]) => message);
  const fields = Object.fromEntries(all.filter(([name]) => isField(name)));
  if (rest.length) return { fields, above: [...new Set(rest)].join(" ") };
  return { fields, above: all.length ? undefined : inWords(problem) };
}

/** Field name -> what is wrong with it, from the JSON pointers of a 422. `/shipping_address/city` is `shipping_address.city`. */
export function byField(problem: Refusal): Record<string, string> {
  return Object.fromEntries(
    (problem.errors ?? []).map(({ pointer, message }) => [pointer.replace(/^\//, "").replaceAll("/", "."), message]),
  );
}
