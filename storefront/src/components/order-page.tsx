"use client";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { api, listen, type Schemas } from "@/api/browser";
import { signInAddress } from "@/shop/account";
import { addToCart, loadCart, openDrawer } from "@/shop/cart";
import { nameRemembered, onMemory } from "@/shop/memory";
import { inWords, type Refusal, refusal } from "@/shop/problems";
import { addressLines } from "@/words/addresses";
import { day, days, isAhead, moment, untilTime } from "@/words/dates";
import { money } from "@/words/money";
import { fundsInWords, type Goods, goodsOf, headline, noteInWords, type Order, scanInWords, STEPS } from "@/words/orders";
import { BusyButton } from "./busy-button";
import { ratesOf, TotalsTable } from "./checkout/totals";
import { Tick } from "./icons";
import { Notice } from "./notice";

/** An order as it stands, and as it changes: nobody has to reload to see that it is paid or on its way. */
export function OrderPage({ reference, locale }: { reference: string; locale: string }) {
  const { order, problem, take } = useOrder(reference);
  const heading = useRef<HTMLHeadingElement>(null);
  const isHere = order !== undefined;
  useEffect(() => {
    // Coming from the checkout: what one reads first is what has the focus.
    if (isHere && document.activeElement === document.body) heading.current?.focus();
  }, [isHere]);
  if (problem) return <CannotShow problem={problem} />;
  if (!order) return <p role="status" className="py-16 text-center text-lg">Loading your order …</p>;
  const goods = goodsOf(order);
  const funds = fundsInWords(order, locale);
  return (
    <>
      <header className="mb-8">
        <p className="text-soft">Order {order.number}, placed on {day(order.placed_at, locale)}</p>
        <h1 ref={heading} tabIndex={-1} className="title mt-1 wrap-anywhere outline-none">{headline(order)}</h1>
        <div className="mt-3 max-w-2xl space-y-1 text-lg text-soft" role="status">
          <span className="sr-only">{headline(order)}</span>
          <Arrival order={order} locale={locale} />
          {(goods === "cancelled" || order.refunded.amount > 0) && funds && <p>{funds}</p>}
          {["awaiting_payment", "preparing"].includes(goods) && <p>Your confirmation goes to {order.contact.email}.</p>}
        </div>
      </header>
      <Steps goods={goods} />
      <div className="mt-10 grid gap-10 lg:grid-cols-[minmax(0,1fr)_24rem] lg:gap-14">
        <div className="min-w-0 space-y-10">
          {order.tracking && (
            <section aria-labelledby="parcel">
              <h2 id="parcel" className="mb-3 font-serif text-2xl">Your parcel</h2>
              <p>{order.tracking.carrier}, <a className="link wrap-anywhere" href={order.tracking.url}>{order.tracking.number}</a></p>
              <Scans tracking={order.tracking.number} version={order.version} locale={locale} />
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
                  <div className="min-w-0 flex-1 wrap-anywhere">
                    <p className="font-medium">{line.quantity} × {line.title}</p>
                    <p className="text-sm text-soft">{Object.values(line.options ?? {}).join(" · ")}</p>
                  </div>
                  <p>{money(line.total, locale)}</p>
                </li>
              ))}
            </ul>
          </section>
          <details>
            <summary className="link inline-block font-serif text-2xl">Order history</summary>
            <ol className="mt-3 space-y-2">
              {order.timeline.map(({ at, note }, number) => (
                <li key={number} className="flex gap-4">
                  <time dateTime={at} className="w-40 shrink-0 text-sm text-soft">{moment(at, locale)}</time>
                  <span>{noteInWords(note)}</span>
                </li>
              ))}
            </ol>
          </details>
        </div>
        <aside aria-label="Payment, delivery and help" className="space-y-6 self-start">
          <div className="card p-6">
            <TotalsTable totals={order.totals} rates={ratesOf(order.lines)} locale={locale} />
            {funds && <p className="mt-3 text-sm text-soft">{funds}</p>}
          </div>
          <div className="card p-6">
            <h2 className="mb-2 font-medium">Delivery address</h2>
            <address className="wrap-anywhere text-soft not-italic">{addressLines(order.shipping_address, locale).map((line) => <span key={line} className="block">{line}</span>)}</address>
          </div>
          <NextSteps
            order={order}
            locale={locale}
            onCancelled={(cancelled) => {
              take(cancelled);
              heading.current?.focus(); // the button that was pressed is gone
            }}
          />
        </aside>
      </div>
    </>
  );
}

/** When it arrives, as promised at the checkout. */
function Arrival({ order, locale }: { order: Order; locale: string }) {
  const { promised_from: from, promised_to: to } = order;
  if (!from || !to || !["preparing", "shipped"].includes(goodsOf(order))) return null;
  return <p>Arrives {days(from, to, locale)}.</p>;
}

/**
 * The secret of an order's link. It stands after `#`, which browsers send to nobody: it is in no log. Mails of before
 * have it in the query.
 */
function secretOfLink(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get("token") ?? new URLSearchParams(location.search).get("token");
}

/** Who comes by a link hands its secret over once: from then on a cookie lets them in, which no script can read. */
async function openOrder(reference: string): Promise<{ data?: Order; error?: unknown }> {
  const token = secretOfLink();
  if (token) {
    const { data } = await api.POST("/orders/{order_ref}/open", { params: { path: { order_ref: reference } }, body: { token } });
    if (data) {
      history.replaceState(null, "", `/orders/${data.number}`);
      return { data };
    }
  }
  return api.GET("/orders/{order_ref}", { params: { path: { order_ref: reference } } });
}

function useOrder(reference: string) {
  const [order, setOrder] = useState<Order>();
  const [problem, setProblem] = useState<Refusal>();
  useEffect(() => {
    let isGone = false;
    let stop: (() => void) | undefined;
    openOrder(reference).then(
      ({ data, error }) => {
        if (isGone) return;
        if (!data) return setProblem(refusal(error));
        setOrder(data);
        void loadCart(); // what was bought has left it
        stop = listen<Order>(`/api/orders/${data.number}/events`, "order", setOrder);
      },
      (error: unknown) => !isGone && setProblem(refusal(error)),
    );
    const again = () => location.reload(); // the link was pasted into this very page
    window.addEventListener("hashchange", again);
    return () => {
      isGone = true;
      stop?.();
      window.removeEventListener("hashchange", again);
    };
  }, [reference]);
  return { order, problem, take: setOrder };
}

function Steps({ goods }: { goods: Goods }) {
  const reached = STEPS.findIndex(([step]) => step === goods);
  if (reached < 0) return null;
  return (
    <ol aria-label="Progress" className="grid grid-cols-4 gap-1 sm:gap-2">
      {STEPS.map(([step, label], index) => (
        <li key={step} aria-current={index === reached ? "step" : undefined}>
          <span className={`block h-1.5 rounded-full ${index <= reached ? "bg-pine" : "bg-line"}`} />
          <span className={`mt-2 flex items-center gap-1 text-xs sm:text-sm ${index <= reached ? "" : "text-soft"}`}>
            {index < reached && <span className="hidden text-pine sm:inline"><Tick /></span>}
            {label}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Scans({ tracking, version, locale }: { tracking: string; version: number; locale: string }) {
  const [timeline, setTimeline] = useState<Schemas["Timeline"]>();
  useEffect(() => {
    api.GET("/shipments/{tracking}", { params: { path: { tracking } } }).then(({ data }) => setTimeline(data), () => undefined);
  }, [tracking, version]);
  if (!timeline) return null;
  return (
    <ol className="mt-3 space-y-1 text-sm">
      {[...timeline.events].reverse().map(({ status, at, place }) => (
        <li key={`${at}${status}`} className="flex gap-4">
          <time dateTime={at} className="w-40 shrink-0 text-soft">{moment(at, locale)}</time>
          <span>{scanInWords(status)}{place && `, ${place}`}</span>
        </li>
      ))}
    </ol>
  );
}

interface NextProps {
  order: Order;
  locale: string;
  onCancelled: (order: Order) => void;
}

/** What a customer may want to do next. */
function NextSteps({ order, locale, onCancelled }: NextProps) {
  const name = useSyncExternalStore(onMemory, nameRemembered, () => null);
  const [trouble, setTrouble] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const orderAgain = async () => {
    setBusy(true);
    const missing: string[] = [];
    for (const { sku, title, quantity } of order.lines) if (await addToCart(sku, quantity)) missing.push(`“${title}”`);
    setBusy(false);
    setTrouble(missing.length ? `${missing.join(", ")} cannot be ordered again right now.` : undefined);
    if (missing.length < order.lines.length) openDrawer();
  };
  return (
    <section aria-labelledby="next" className="card space-y-4 p-6">
      <h2 id="next" className="font-medium">What you can do next</h2>
      {order.cancellable && <Cancel order={order} locale={locale} onDone={onCancelled} />}
      {goodsOf(order) !== "cancelled" && (
        <p className="text-sm"><a className="link" href={`/withdraw?order=${encodeURIComponent(order.number)}`}>Withdraw from contract here</a></p>
      )}
      {trouble && <Notice>{trouble}</Notice>}
      <BusyButton type="button" className="button-quiet w-full" isBusy={isBusy} onClick={() => void orderAgain()}>{isBusy ? "Adding …" : "Order again"}</BusyButton>
      {!name && (
        <p className="text-sm text-soft">
          <a className="link" href="/account/sign-up?next=/account/orders">Create an account</a> with {order.contact.email} to see all your orders in one place.
        </p>
      )}
    </section>
  );
}

function Cancel({ order, locale, onDone }: { order: Order; locale: string; onDone: (order: Order) => void }) {
  const [isAsking, setAsking] = useState<boolean>();
  const [isBusy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string>();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // One button takes the place of another: the focus follows.
    if (isAsking !== undefined) place.current?.querySelector("button")?.focus();
  }, [isAsking]);
  const cancel = async () => {
    setBusy(true);
    const { data, error } = await api
      .POST("/orders/{order_ref}/cancel", { params: { path: { order_ref: order.number } } })
      .catch((error: unknown) => ({ data: undefined, error }));
    setBusy(false);
    if (data) onDone(data);
    else setRefused(inWords(refusal(error)));
  };
  return (
    <div ref={place}>
      {refused && <div className="mb-3"><Notice>{refused}</Notice></div>}
      {isAsking ? (
        <>
          <p>Cancel the whole order? You will get all your money back.</p>
          <p className="mt-4 flex flex-wrap gap-3">
            <BusyButton type="button" className="button" isBusy={isBusy} onClick={() => void cancel()}>Yes, cancel it</BusyButton>
            <button type="button" className="button-quiet" onClick={() => setAsking(false)}>Keep it</button>
          </p>
        </>
      ) : (
        <>
          <p className="text-sm text-soft">
            {order.cancellable_until && isAhead(order.cancellable_until)
              ? `You can cancel until ${untilTime(order.cancellable_until, locale)}, and after that until we pack it.`
              : "You can cancel until we pack it."}
          </p>
          <p className="mt-3"><button type="button" className="button-quiet w-full" onClick={() => setAsking(true)}>Cancel the order</button></p>
        </>
      )}
    </div>
  );
}

function CannotShow({ problem }: { problem: Refusal }) {
  return (
    <div className="py-12">
      <h1 className="title">We cannot show this order.</h1>
      <p className="mt-4 max-w-xl text-lg text-soft">
        {[401, 404].includes(problem.status)
          ? "Please open it with the link in your confirmation e-mail, or sign in to the account you ordered with. If you have lost the link, we can send it again."
          : inWords(problem)}
      </p>
      <p className="mt-8 flex flex-wrap gap-3">
        <button type="button" className="button" onClick={() => location.assign(signInAddress())}>Sign in</button>
        <a className="button-quiet" href="/find-order">Find your order</a>
      </p>
    </div>
  );
}
