import { randomUUID } from "node:crypto";
import type { NextRequest } from "next/server";
import { formOf, onTo } from "@/page/forms";
import { kept, MOST_GOODS } from "@/page/withdrawal";

/** Takes what was typed to the page that asks for confirmation. Nothing is sent yet. */
export async function POST(request: NextRequest): Promise<Response> {
  const form = await formOf(request);
  if (form instanceof Response) return form;
  const typed = (field: string, most: number) => String(form.get(field) ?? "").trim().slice(0, most);
  const goods = typed("goods", MOST_GOODS);
  const statement = { name: typed("name", 200), number: typed("number", 40), email: typed("email", 254), key: randomUUID(), ...(goods && { goods }) };
  const isWhole = statement.name && statement.number && statement.email;
  return onTo(isWhole ? "/withdraw/confirm" : "/withdraw?refused=1", [kept(statement)]);
}
