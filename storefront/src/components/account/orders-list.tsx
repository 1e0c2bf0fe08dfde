"use client";
import Link from "next/link";
import { useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { type Loaded, useOwn } from "@/shop/account";
import { inWords, refusal } from "@/shop/problems";
import { day } from "@/words/dates";
import { money } from "@/words/money";
import { stateInWords } from "@/words/orders";
import { Notice } from "../notice";
import { Own } from "./state";

type Summary = Schemas["OrderSummary"];

type Page = Schemas["Page_OrderSummary_"];

/** The customer's orders, newest first. */
export function OwnOrders({ locale }: { locale: string }) {
  const loaded = useOrders(20);
  return <Own loaded={loaded}>{(first) => <OrdersList first={first} locale={locale} />}</Own>;
}

export const useOrders = (limit: number): Loaded<Page> => useOwn(() => api.GET("/orders", { params: { query: { limit } } }));

/** A page of orders; with `isWhole` no more are offered. */
export function OrdersList({ first, locale, isWhole = false }: { first: Page; locale: string; isWhole?: boolean }) {
  const [trouble, setTrouble] = useState<string>();
  const [more, setMore] = useState<{ items: Summary[]; next_cursor: string | null }>();
  const all = [...first.items, ...(more?.items ?? [])];
  const cursor = more ? more.next_cursor : first.next_cursor;
  if (!all.length) return <p className="text-soft">You have not ordered anything yet. <Link className="link" prefetch={false} href="/search">Browse the shop</Link></p>;
  return (
    <>
      <ul className="divide-y divide-line border-y border-line">
        {all.map((order) => <Order key={order.id} order={order} locale={locale} />)}
      </ul>
      {trouble && <div className="mt-6"><Notice>{trouble}</Notice></div>}
      {cursor && !isWhole && (
        <button
          type="button"
          className="button-quiet mt-6"
          onClick={async () => {
            const { data, error } = await api
              .GET("/orders", { params: { query: { limit: 20, cursor } } })
              .catch((error: unknown) => ({ data: undefined, error }));
            setTrouble(data ? undefined : inWords(refusal(error)));
            if (data) setMore({ items: [...(more?.items ?? []), ...data.items], next_cursor: data.next_cursor ?? null });
          }}
        >
          Show earlier orders
        </button>
      )}
    </>
  );
}

function Order({ order, locale }: { order: Summary; locale: string }) {
  return (
    <li className="relative flex items-center gap-4 py-4">
      <div className="size-16 shrink-0 overflow-hidden rounded-xl bg-sand">
        {order.image && <img src={`/media/${order.image}`} alt="" width={160} height={160} loading="lazy" className="size-full object-cover" />}
      </div>
      <div className="flex-1">
        <Link href={`/orders/${order.number}`} prefetch={false} className="font-medium whitespace-nowrap after:absolute after:inset-0 hover:underline">{order.number}</Link>
        <p className="text-sm text-soft">{day(order.placed_at, locale)}, {order.quantity} {order.quantity === 1 ? "item" : "items"}</p>
      </div>
      <div className="text-right">
        <p className="font-medium">{money(order.total, locale)}</p>
        <p className="text-sm text-soft">{stateInWords(order)}</p>
      </div>
    </li>
  );
}
