"use client";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/browser";
import { cancel, type Checkout, confirm, follow, hasEnded, orderAddress, type Outcome, payAgain } from "@/shop/checkout";
import { inWords, refusal } from "@/shop/problems";
import { untilTime } from "@/words/dates";
import { money } from "@/words/money";
import { BusyButton } from "../busy-button";
import { CardForm, type CardForm as Card, CardRefused, type PaymentsConfig } from "./card-form";
import { Paying } from "./paying";
import { NoticeBox } from "./refused";
import { OrderSummary } from "./summary";
import { ratesOf } from "./totals";

/** A payment on its way: goes on by itself where it can, and says what is to be done where it cannot. */
export function CheckoutStatus({ id, locale }: { id: string; locale: string }) {
  const [checkout, setCheckout] = useState<Checkout>();
  const [trouble, setTrouble] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);

  const take = ({ checkout: found, problem }: Outcome) => {
    if (found) setCheckout(found);
    // A declined card is a state of the checkout, which the page shows anyway.
    setTrouble(problem && !["no_action_pending", "card_declined"].includes(problem.code) ? inWords(problem) : undefined);
  };

  // Coming back from the bank: the processor is asked at once; after that every change is heard.
  useEffect(() => {
    let stop = () => undefined as void;
    void confirm(id).then((outcome) => {
      take(outcome);
      if (outcome.problem?.status !== 404) stop = follow(id, setCheckout);
    });
    return () => stop();
  }, [id]);

  const order = checkout?.status === "completed" ? checkout.order : undefined;
  useEffect(() => {
    if (order) location.replace(orderAddress(order));
  }, [order]);

  // What has changed is what the page is about now: the focus goes to its heading, unless the shopper is busy elsewhere.
  const shown = checkout && `${checkout.status} ${checkout.next_action?.type}`;
  useEffect(() => {
    if (shown && document.activeElement === document.body) heading.current?.focus();
  }, [shown]);

  if (!checkout) {
    return trouble ? (
      <div className="py-12">
        <h1 className="title">We cannot show this payment.</h1>
        <p className="mt-4 text-lg text-soft">{trouble}</p>
        <p className="mt-8"><a className="button" href="/cart">Go to your cart</a></p>
      </div>
    ) : (
      <p role="status" className="py-16 text-center text-lg">We are checking with your bank …</p>
    );
  }
  if (order) return <p role="status" className="py-16 text-center text-lg">Your payment went through. Opening your order …</p>;
  const { status, next_action: action, problem, due_at: due, totals, lines } = checkout;
  const reason = typeof problem?.detail === "string" ? inWords({ ...refusal(undefined), code: "", detail: problem.detail }) : undefined;
  if (hasEnded(checkout)) {
    return (
      <div className="py-8">
        <h1 ref={heading} tabIndex={-1} className="title outline-none">
          {{ expired: "The time to pay has run out.", cancelled: "This purchase was cancelled." }[status as string] ?? "This did not go through."}
        </h1>
        <p className="mt-4 text-lg text-soft">{status === "failed" && reason ? `${reason} ` : ""}{problem?.code !== "already_bought" && "Nothing was charged. Your items are still in your cart."}</p>
        <p className="mt-8 flex flex-wrap gap-3"><a className="button" href="/checkout">Try again</a><a className="button-quiet" href="/cart">Go to your cart</a></p>
      </div>
    );
  }
  const isFailedChallenge = String(problem?.reason ?? "").includes("authentication");
  return (
    <div className="grid gap-8 py-4 lg:grid-cols-[minmax(0,1fr)_24rem] lg:gap-14">
      <OrderSummary lines={lines} totals={totals ?? undefined} rates={ratesOf(lines)} locale={locale} />
      <div className="min-w-0 space-y-6">
        <h1 ref={heading} tabIndex={-1} className="title outline-none">{headingOf(action?.type, isFailedChallenge)}</h1>
        {trouble && <p role="alert" className="text-alarm">{trouble}</p>}
        {!action && <p role="status" className="text-lg text-soft">This page updates by itself. You can also close it: we will e-mail you when the payment has gone through.</p>}
        {action?.type === "redirect" && action.url && (
          <>
            <p>Your bank is asking you to confirm this payment.</p>
            <p><a className="button" href={action.url}>Go to your bank&rsquo;s page</a></p>
          </>
        )}
        {action?.type === "retry_payment" && (
          <>
            <p>
              {isFailedChallenge ? "" : `${reason ?? "Your bank declined the card."} `}Nothing was charged. Your items are kept for you until {untilTime(due, locale)}:
              please try again, or use another card.
            </p>
            <AnotherCard id={id} locale={locale} label={totals ? `Pay ${money(totals.total, locale)}` : "Pay"} onOutcome={take} />
            <p><a className="link" href="/checkout">Change the address or the delivery</a></p>
          </>
        )}
        {action && (
          <BusyButton
            type="button"
            className="link"
            isBusy={isBusy}
            onClick={async () => {
              setBusy(true);
              take(await cancel(id));
              setBusy(false);
            }}
          >
            Cancel this purchase
          </BusyButton>
        )}
      </div>
    </div>
  );
}

function headingOf(action: string | undefined, isFailedChallenge: boolean): string {
  if (action === "redirect") return "One more step at your bank";
  if (action === "retry_payment") return isFailedChallenge ? "Your bank could not confirm the payment" : "Your card was declined";
  return "We are checking with your bank";
}

function AnotherCard(props: { id: string; locale: string; label: string; onOutcome: (outcome: Outcome) => void }) {
  const { id, locale, label, onOutcome } = props;
  const card = useRef<Card>(null);
  const notice = useRef<HTMLDivElement>(null);
  const [config, setConfig] = useState<PaymentsConfig>();
  const [refused, setRefused] = useState<{ text: string }>();
  const [isBusy, setBusy] = useState(false);
  const [isInLine, setInLine] = useState(false);
  const waiting = useRef<AbortController>(undefined);
  useEffect(() => () => waiting.current?.abort(), []);
  useEffect(() => {
    api.GET("/payments/config").then(
      ({ data, error }) => (data ? setConfig(data) : setRefused({ text: inWords(refusal(error)) })),
      (error: unknown) => setRefused({ text: inWords(refusal(error)) }),
    );
  }, []);
  useEffect(() => {
    if (refused) notice.current?.focus();
  }, [refused]);
  const pay = async () => {
    if (!card.current) return;
    setBusy(true);
    setRefused(undefined);
    try {
      const paymentMethod = await card.current.tokenise();
      waiting.current = new AbortController();
      const outcome = await payAgain(id, paymentMethod, { stopped: waiting.current.signal, onBusy: () => setInLine(true) });
      const url = outcome.checkout?.next_action?.url;
      if (url) return location.assign(url);
      if (outcome.problem) setRefused({ text: inWords(outcome.problem) });
      else onOutcome(outcome);
    } catch (error) {
      if (!(error instanceof CardRefused)) throw error;
      setRefused({ text: error.message });
    } finally {
      setBusy(false);
      setInLine(false);
    }
  };
  return (
    <section aria-label="Card" className="space-y-4">
      <div className="card p-4">{config ? <CardForm config={config} locale={locale} ref={card} /> : <p className="text-soft">Loading the card form …</p>}</div>
      {refused && <NoticeBox ref={notice}><p className="text-alarm">{refused.text}</p></NoticeBox>}
      <BusyButton type="button" className="button w-full sm:w-auto" isBusy={isBusy || !config} onClick={() => void pay()}>{isBusy ? "Paying …" : label}</BusyButton>
      {isBusy && <Paying isInLine={isInLine} onStop={() => waiting.current?.abort()} />}
    </section>
  );
}
