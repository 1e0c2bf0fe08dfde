"use client";
import Link from "next/link";
import { useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { day } from "@/words/dates";
import { money } from "@/words/money";
import { stateInWords } from "@/words/orders";
import { Own } from "./state";

type Summary = Schemas["OrderSummary"];

export function OrdersList({ locale, most }: { locale: string; most?: number }) {
  const loaded = useOwn(() => api.GET("/orders", { params: { query: { limit: most ?? 20 } } }));
  const [more, setMore] = useState<{ items: Summary[]; next_cursor: string | null }>();
  return (
    <Own loaded={loaded}>
      {({ items, next_cursor }) => {
        const all = [...items, ...(more?.items ?? [])];
        const cursor = more ? more.next_cursor : next_cursor;
        if (!all.length) return <p className="text-soft">Nothing ordered yet. <Link className="link" prefetch={false} href="/search">Look around</Link></p>;
        return (
          <>
            <ul className="divide-y divide-line border-y border-line">
              {all.map((order) => <Order key={order.id} order={order} locale={locale} />)}
            </ul>
            {cursor && !most && (
              <button
                type="button"
                className="button-quiet mt-6"
                onClick={async () => {
                  const { data } = await api.GET("/orders", { params: { query: { limit: 20, cursor } } });
                  if (data) setMore({ items: [...(more?.items ?? []), ...data.items], next_cursor: data.next_cursor ?? null });
                }}
              >
                Earlier orders
              </button>
            )}
          </>
        );
      }}
    </Own>
  );
}

function Order({ order, locale }: { order: Summary; locale: string }) {
  return (
    <li className="relative flex items-center gap-4 py-4">
      <div className="size-16 shrink-0 overflow-hidden rounded-xl bg-sand">
        {order.image && <img src={`/media/${order.image}`} alt="" width={160} height={160} loading="lazy" className="size-full object-cover" />}
      </div>
      <div className="flex-1">
        <Link href={`/orders/${order.number}`} prefetch={false} className="font-medium after:absolute after:inset-0 hover:underline">{order.number}</Link>
        <p className="text-sm text-soft">{day(order.placed_at, locale)}, {order.quantity} {order.quantity === 1 ? "piece" : "pieces"}</p>
      </div>
      <div className="text-right">
        <p className="font-medium">{money(order.total, locale)}</p>
        <p className="text-sm text-soft">{stateInWords(order.state)}</p>
      </div>
    </li>
  );
}
