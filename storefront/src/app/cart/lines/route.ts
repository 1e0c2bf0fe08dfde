import type { NextRequest } from "next/server";
import { callAs, formOf, onTo, renewed } from "@/page/forms";

/** A line of the cart page, without scripts: another quantity, what is left (`take`), or none. */
export async function POST(request: NextRequest): Promise<Response> {
  const form = await formOf(request);
  if (form instanceof Response) return form;
  const path = `/cart/lines/${encodeURIComponent(String(form.get("sku") ?? ""))}`;
  const quantity = form.has("remove") ? 0 : Number(form.get("take") ?? form.get("quantity"));
  const answer = quantity > 0 ? await callAs(request, "PATCH", path, { quantity }) : await callAs(request, "DELETE", path, undefined);
  if (answer.status === 401) return renewed("/cart/lines");
  return onTo(answer.ok ? "/cart" : "/cart?refused=line", answer.headers.getSetCookie());
}
