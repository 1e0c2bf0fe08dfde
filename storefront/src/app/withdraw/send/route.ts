import type { NextRequest } from "next/server";
import { callAs, formOf, onTo } from "@/page/forms";
import { kept, type Statement, statementIn } from "@/page/withdrawal";

/** Sends the statement that was confirmed. Pressing twice is one statement: its key is the same. */
export async function POST(request: NextRequest): Promise<Response> {
  const form = await formOf(request);
  if (form instanceof Response) return form;
  const { name, number, email, goods, key, receipt } = statementIn(request);
  if (receipt) return onTo("/withdraw/done");
  if (!name || !number || !email || !key) return onTo("/withdraw");
  const answer = await callAs(request, "POST", "/orders/withdrawals", { name, number, email, goods }, { "Idempotency-Key": key });
  if (answer.status === 422) return onTo("/withdraw?refused=1");
  if (!answer.ok) {
    const isCrowd = answer.status === 429;
    const why = isCrowd
      ? "This was sent too often in a short time. Please wait a minute, then go back and confirm again."
      : "The shop cannot take your withdrawal just now, so it has not been sent. Please go back and confirm again in a moment.";
    return new Response(`${why}\n`, { status: isCrowd ? 429 : 503, headers: { "Content-Type": "text/plain; charset=utf-8", "Retry-After": "60" } });
  }
  const { id, received_at } = (await answer.json()) as NonNullable<Statement["receipt"]>;
  return onTo("/withdraw/done", [kept({ name, number, email, key, ...(goods && { goods }), receipt: { id, received_at } })]);
}
