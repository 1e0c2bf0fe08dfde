"use client";
import { useSearchParams } from "next/navigation";
import { useEffect, useState } from "react";
import { api, listen, type Schemas } from "@/api/browser";
import { signInAddress } from "@/shop/account";
import { loadCart } from "@/shop/cart";
import { inWords, type Refusal, refusal } from "@/shop/problems";
import { addressLines } from "@/words/addresses";
import { day, moment } from "@/words/dates";
import { money } from "@/words/money";
import { noteInWords, stateInWords, WAY, wayOf } from "@/words/orders";
import { TotalsTable } from "./checkout/totals";
import { Tick } from "./icons";
import { Notice } from "./notice";

type Order = Schemas["OrderView"];

/** An order as it stands, and as it changes: nobody has to reload to see that it is paid or on its way. */
export function OrderPage({ reference, locale }: { reference: string; locale: string }) {
  const token = useSearchParams().get("token") ?? undefined;
  const { order, problem, take } = useOrder(reference, token);
  if (problem) return <CannotShow problem={problem} />;
  if (!order) return <p role="status" className="py-16 text-center text-lg">Looking for your order …</p>;
  return (
    <>
      <header className="mb-8">
        <p className="text-soft">Order {order.number}, {day(order.placed_at, locale)}</p>
        <h1 className="title mt-1" aria-live="polite">{stateInWords(order.state)}</h1>
        {["created", "paid"].includes(order.state) && <p className="mt-3 max-w-xl text-lg text-soft">Thank you. The confirmation goes to {order.contact.email}.</p>}
      </header>
      <Way state={order.state} />
      <div className="mt-10 grid gap-10 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="space-y-10">
          {order.tracking && (
            <section aria-labelledby="parcel">
              <h2 id="parcel" className="mb-3 font-serif text-2xl">Your parcel</h2>
              <p>{order.tracking.carrier}, <a className="link" href={order.tracking.url}>{order.tracking.number}</a></p>
              <Scans tracking={order.tracking.number} state={order.state} locale={locale} />
            </section>
          )}
          <section aria-labelledby="things">
            <h2 id="things" className="mb-3 font-serif text-2xl">What you ordered</h2>
            <ul className="divide-y divide-line border-y border-line">
              {order.lines.map((line) => (
                <li key={line.sku} className="flex items-center gap-4 py-4">
                  <div className="size-16 shrink-0 overflow-hidden rounded-xl bg-sand">
                    {line.image && <img src={`/media/${line.image}`} alt="" width={160} height={160} loading="lazy" className="size-full object-cover" />}
                  </div>
                  <div className="flex-1">
                    <p className="font-medium">{line.quantity} × {line.title}</p>
                    <p className="text-sm text-soft">{Object.values(line.options ?? {}).join(" · ")}</p>
                  </div>
                  <p>{money(line.total, locale)}</p>
                </li>
              ))}
            </ul>
          </section>
          <section aria-labelledby="history">
            <h2 id="history" className="mb-3 font-serif text-2xl">What happened</h2>
            <ol className="space-y-2">
              {order.timeline.map(({ at, note, state }) => (
                <li key={`${at}${state}`} className="flex gap-4">
                  <time dateTime={at} className="w-40 shrink-0 text-sm text-soft">{moment(at, locale)}</time>
                  <span>{noteInWords(note)}</span>
                </li>
              ))}
            </ol>
          </section>
        </div>
        <aside className="space-y-6 self-start">
          <div className="card p-6">
            <TotalsTable totals={order.totals} locale={locale} />
            {order.refunded.amount > 0 && <p className="mt-3 text-sm text-good">{money(order.refunded, locale)} went back to your card.</p>}
          </div>
          <div className="card p-6">
            <h2 className="mb-2 font-medium">It goes to</h2>
            <address className="text-soft not-italic">{addressLines(order.shipping_address, locale).map((line) => <span key={line} className="block">{line}</span>)}</address>
          </div>
          {order.cancellable && <Cancel order={order} token={token} onDone={take} />}
        </aside>
      </div>
    </>
  );
}

function useOrder(reference: string, token: string | undefined) {
  const [order, setOrder] = useState<Order>();
  const [problem, setProblem] = useState<Refusal>();
  useEffect(() => {
    let isGone = false;
    let stop: (() => void) | undefined;
    const query = token ? { token } : {};
    api.GET("/orders/{order_ref}", { params: { path: { order_ref: reference }, query } }).then(
      ({ data, error }) => {
        if (isGone) return;
        if (!data) return setProblem(refusal(error));
        setOrder(data);
        void loadCart(); // what was bought has left it
        const query = token ? `?token=${encodeURIComponent(token)}` : "";
        stop = listen<Order>(`/api/orders/${data.id}/events${query}`, "order", setOrder);
      },
      (error: unknown) => !isGone && setProblem(refusal(error)),
    );
    return () => {
      isGone = true;
      stop?.();
    };
  }, [reference, token]);
  return { order, problem, take: setOrder };
}

function Way({ state }: { state: Order["state"] }) {
  const reached = wayOf(state);
  if (reached === undefined) return null;
  return (
    <ol aria-label="How far it is" className="grid grid-cols-5 gap-1 sm:gap-2">
      {WAY.map((step, index) => (
        <li key={step} aria-current={index === reached ? "step" : undefined}>
          <span className={`block h-1.5 rounded-full ${index <= reached ? "bg-pine" : "bg-line"}`} />
          <span className={`mt-2 flex items-center gap-1 text-xs sm:text-sm ${index <= reached ? "" : "text-soft"}`}>
            {index < reached && <span className="hidden text-pine sm:inline"><Tick /></span>}
            {{ created: "Ordered", paid: "Paid", fulfilling: "Packed", shipped: "On its way", delivered: "Delivered" }[step]}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Scans({ tracking, state, locale }: { tracking: string; state: string; locale: string }) {
  const [timeline, setTimeline] = useState<Schemas["Timeline"]>();
  useEffect(() => {
    api.GET("/shipments/{tracking}", { params: { path: { tracking } } }).then(({ data }) => setTimeline(data), () => undefined);
  }, [tracking, state]);
  if (!timeline) return null;
  return (
    <>
      {!timeline.delivered_at && <p className="mt-1 text-soft">Expected by {day(timeline.promised_to, locale)}.</p>}
      <ol className="mt-3 space-y-1 text-sm">
        {[...timeline.events].reverse().map(({ status, at, place }) => (
          <li key={`${at}${status}`} className="flex gap-4">
            <time dateTime={at} className="w-40 shrink-0 text-soft">{moment(at, locale)}</time>
            <span className="first-letter:uppercase">{status.replaceAll("_", " ")}{place && `, ${place}`}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

function Cancel({ order, token, onDone }: { order: Order; token: string | undefined; onDone: (order: Order) => void }) {
  const [isAsking, setAsking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string>();
  const cancel = async () => {
    setBusy(true);
    const query = token ? { token } : {};
    const { data, error } = await api
      .POST("/orders/{order_ref}/cancel", { params: { path: { order_ref: order.id }, query } })
      .catch((error: unknown) => ({ data: undefined, error }));
    setBusy(false);
    if (data) onDone(data);
    else setRefused(inWords(refusal(error)));
  };
  return (
    <div className="card p-6">
      {refused && <div className="mb-3"><Notice>{refused}</Notice></div>}
      {isAsking ? (
        <>
          <p>Cancel the whole order? Your money goes back to your card.</p>
          <p className="mt-4 flex flex-wrap gap-3">
            <button type="button" className="button" disabled={isBusy} onClick={() => void cancel()}>Yes, cancel it</button>
            <button type="button" className="button-quiet" onClick={() => setAsking(false)}>Keep it</button>
          </p>
        </>
      ) : (
        <>
          <p className="text-soft">It is not packed yet.</p>
          <p className="mt-3"><button type="button" className="button-quiet w-full" onClick={() => setAsking(true)}>Cancel the order</button></p>
        </>
      )}
    </div>
  );
}

function CannotShow({ problem }: { problem: Refusal }) {
  return (
    <div className="py-12">
      <h1 className="title">This order cannot be shown.</h1>
      <p className="mt-4 max-w-xl text-lg text-soft">
        {[401, 404].includes(problem.status)
          ? "Open it by the link in the confirmation mail, or sign in with the account it was made with."
          : inWords(problem)}
      </p>
      <p className="mt-8"><button type="button" className="button" onClick={() => location.assign(signInAddress())}>Sign in</button></p>
    </div>
  );
}
