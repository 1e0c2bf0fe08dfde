import type { NextRequest } from "next/server";
import { callAs, formOf, onTo } from "@/page/forms";

/** The form for who has lost an order's link. The answer says the same whether there is such an order or not. */
export async function POST(request: NextRequest): Promise<Response> {
  const form = await formOf(request);
  if (form instanceof Response) return form;
  const [number, email] = ["number", "email"].map((field) => String(form.get(field) ?? "").trim());
  const answer = await callAs(request, "POST", "/orders/lookup", { number, email });
  if (answer.ok) return onTo("/find-order/sent");
  if (answer.status === 422) return onTo("/find-order/refused");
  const isCrowd = answer.status === 429;
  const why = isCrowd ? "That was too many requests in a short time. Please wait a minute, then go back and try again." : "The shop cannot look that up just now. Please go back and try again in a moment.";
  return new Response(`${why}\n`, { status: isCrowd ? 429 : 503, headers: { "Content-Type": "text/plain; charset=utf-8", "Retry-After": "60" } });
}
