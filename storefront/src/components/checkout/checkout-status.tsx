"use client";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/browser";
import { cancel, type Checkout, confirm, follow, hasEnded, orderAddress, type Outcome, payAgain } from "@/shop/checkout";
import { inWords } from "@/shop/problems";
import { moment } from "@/words/dates";
import { money } from "@/words/money";
import { Notice } from "../notice";
import { CardForm, type CardForm as Card, CardRefused, type PaymentsConfig } from "./card-form";

/** A payment on its way: goes on by itself where it can, and says what is to be done where it cannot. */
export function CheckoutStatus({ id, locale }: { id: string; locale: string }) {
  const [checkout, setCheckout] = useState<Checkout>();
  const [trouble, setTrouble] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const take = ({ checkout: found, problem }: Outcome) => {
    if (found) setCheckout(found);
    setTrouble(problem && problem.code !== "no_action_pending" ? inWords(problem) : undefined);
  };

  // Coming back from the bank: the processor is asked at once; after that every change is heard.
  useEffect(() => {
    let stop = () => undefined as void;
    void confirm(id).then((outcome) => {
      if (outcome.problem?.status === 404) return take(outcome);
      take(outcome);
      stop = follow(id, setCheckout);
    });
    return () => stop();
  }, [id]);

  const order = checkout?.status === "completed" ? checkout.order : undefined;
  useEffect(() => {
    if (order) location.replace(orderAddress(order));
  }, [order]);

  if (!checkout) {
    return trouble ? <Notice>{trouble}</Notice> : <p role="status" className="py-16 text-center text-lg">Your bank is being asked …</p>;
  }
  if (order) return <p role="status" className="py-16 text-center text-lg">It is paid. Opening your order …</p>;
  const { status, next_action: action, problem, due_at: due, totals } = checkout;
  const reason = typeof problem?.detail === "string" ? problem.detail : undefined;
  if (hasEnded(checkout)) {
    return (
      <div className="py-8">
        <h1 className="title">{{ expired: "The time to pay ran out.", cancelled: "This purchase was cancelled." }[status as string] ?? "This did not go through."}</h1>
        <p className="mt-4 text-lg text-soft">{reason ?? "Nothing was charged."} What you chose is still in your cart.</p>
        <p className="mt-8 flex gap-3"><a className="button" href="/checkout">Try again</a><a className="button-quiet" href="/cart">To the cart</a></p>
      </div>
    );
  }
  return (
    <div className="space-y-6 py-4">
      <h1 className="title">{action ? "One more step" : "Your bank is being asked"}</h1>
      {trouble && <Notice>{trouble}</Notice>}
      {!action && <p role="status" className="text-lg text-soft">This page goes on by itself. You can also close it: we write to you when it is done.</p>}
      {action?.type === "redirect" && action.url && (
        <>
          <p>Your bank wants to know that it is you.</p>
          <p><a className="button" href={action.url}>To your bank&rsquo;s page</a></p>
        </>
      )}
      {action?.type === "retry_payment" && (
        <>
          <Notice>{reason ?? "The card was declined."} Your things are kept for you until {moment(due, locale)}.</Notice>
          <AnotherCard id={id} locale={locale} label={totals ? `Pay ${money(totals.total, locale)}` : "Pay"} onOutcome={take} />
        </>
      )}
      {action && (
        <button
          type="button"
          className="link"
          disabled={isBusy}
          onClick={async () => {
            setBusy(true);
            take(await cancel(id));
            setBusy(false);
          }}
        >
          Cancel this purchase
        </button>
      )}
    </div>
  );
}

function AnotherCard(props: { id: string; locale: string; label: string; onOutcome: (outcome: Outcome) => void }) {
  const { id, locale, label, onOutcome } = props;
  const card = useRef<Card>(null);
  const [config, setConfig] = useState<PaymentsConfig>();
  const [refused, setRefused] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    api.GET("/payments/config").then(({ data }) => setConfig(data), () => undefined);
  }, []);
  const pay = async () => {
    if (!card.current) return;
    setBusy(true);
    setRefused(undefined);
    try {
      const outcome = await payAgain(id, await card.current.tokenise());
      if (outcome.checkout?.next_action?.url) location.assign(outcome.checkout.next_action.url);
      if (outcome.problem?.code === "card_declined") setRefused(inWords(outcome.problem));
      else onOutcome(outcome);
    } catch (error) {
      if (!(error instanceof CardRefused)) throw error;
      setRefused(error.message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section aria-label="Another card" className="space-y-4">
      <div className="card p-4">{config && <CardForm config={config} locale={locale} ref={card} />}</div>
      {refused && <Notice>{refused}</Notice>}
      <button type="button" className="button" disabled={isBusy || !config} onClick={() => void pay()}>{isBusy ? "Paying …" : label}</button>
    </section>
  );
}
