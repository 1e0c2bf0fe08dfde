import type { NextRequest } from "next/server";
import { api } from "@/api/server";
import { callAs, formOf, onTo, renewed } from "@/page/forms";

/** The product page's form, without scripts: finds the variant of the chosen options and puts it into the cart. */
export async function POST(request: NextRequest): Promise<Response> {
  const form = await formOf(request);
  if (form instanceof Response) return form;
  const slug = String(form.get("product") ?? "");
  const { data: product } = await api.GET("/products/{product_ref}", { params: { path: { product_ref: slug } } });
  const variant = product?.variants.find(({ options = {} }) =>
    Object.entries(options).every(([name, value]) => form.get(`option.${name}`) === value),
  );
  if (!variant) return onTo("/cart?refused=no_such_variant");
  const quantity = Number(form.get("quantity") ?? 1);
  const answer = await callAs(request, "POST", "/cart", { sku: variant.sku, quantity });
  if (answer.status === 401) return renewed("/cart/add");
  return onTo(answer.ok ? "/cart" : `/cart?refused=${await codeOf(answer)}`, answer.headers.getSetCookie());
}

async function codeOf(answer: Response): Promise<string> {
  const { code = "unknown" } = (await answer.json().catch(() => ({}))) as { code?: string };
  return encodeURIComponent(code);
}
