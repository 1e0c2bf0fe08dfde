"use client";
import { type ReactNode, type Ref, useState } from "react";
import { type CheckoutRefusal, orderAddress, type ShortLine } from "@/shop/checkout";
import { inWords } from "@/shop/problems";
import { withOptions } from "@/words/goods";
import { BusyButton } from "../busy-button";

/** What a shopper can do about a refusal, from where it is said. */
export interface Remedies {
  /** So many of it, and not more. */
  take: (sku: string, quantity: number) => Promise<void>;
  remove: (sku: string) => Promise<void>;
  chooseDelivery: () => Promise<void>;
  changeAddress: () => void;
  /** The same once more, if it is the paying that was refused. */
  payAgain?: (() => Promise<void>) | undefined;
  /** What a SKU is called, where the refusal does not say. */
  titleOf: (sku: string) => string;
}

interface Props {
  problem: CheckoutRefusal;
  remedies: Remedies;
  /** It takes the focus when it appears. */
  ref: Ref<HTMLDivElement>;
}

/** A refusal of the checkout: what happened, that nothing was charged, and what can be done, as buttons. */
export function Refused({ problem, remedies, ref }: Props) {
  return (
    <NoticeBox ref={ref}>
      <Content problem={problem} remedies={remedies} />
    </NoticeBox>
  );
}

/** A notice that can take the focus and is read out when it appears. */
export function NoticeBox({ children, ref, tone = "bad" }: { children: ReactNode; ref: Ref<HTMLDivElement>; tone?: "bad" | "plain" }) {
  return (
    <div
      ref={ref}
      role={tone === "bad" ? "alert" : "status"}
      tabIndex={-1}
      className={`space-y-3 rounded-xl border bg-sheet p-4 wrap-anywhere ${tone === "bad" ? "border-alarm/40" : "border-pine/40"}`}
    >
      {children}
    </div>
  );
}

function Content({ problem, remedies }: { problem: CheckoutRefusal; remedies: Remedies }) {
  const lines = problem.lines ?? [];
  switch (problem.code) {
    case "out_of_stock":
      if (!lines.length) break;
      return (
        <>
          {lines.map((line) => <Short key={line.sku} line={line} remedies={remedies} />)}
          <Calm />
        </>
      );
    case "no_longer_sold":
      if (!lines.length) break;
      return (
        <>
          {lines.map((line) => (
            <Line key={line.sku} text={`${named(line, remedies)} is no longer sold.`}>
              <Act onPress={() => remedies.remove(line.sku)} of={named(line, remedies)}>Remove</Act>
            </Line>
          ))}
          <Calm />
        </>
      );
    case "already_bought":
      if (!problem.order) break;
      return <Line text={inWords(problem)}><a className="button-quiet" href={orderAddress(problem.order)}>See your order</a></Line>;
    case "cart_empty":
      return <Line text="Your cart is empty."><a className="button-quiet" href="/search">Browse the shop</a></Line>;
    case "shipping_unavailable":
      return (
        <Line text={inWords(problem)}>
          <Act onPress={async () => remedies.changeAddress()}>Change the address</Act>
        </Line>
      );
    case "shipping_option_unknown":
      return (
        <Line text="The delivery option you chose is no longer available. Nothing was charged.">
          <Act onPress={remedies.chooseDelivery}>Choose another delivery option</Act>
        </Line>
      );
    case "payment_in_progress":
      return (
        <Line text="Your last payment is still being checked by your bank.">
          {problem.checkout_id && <a className="button-quiet" href={`/checkout/${problem.checkout_id}`}>See how it stands</a>}
        </Line>
      );
    case "busy":
      if (!remedies.payAgain) break;
      return (
        <Line text="Too many people are buying right now, so your order is not placed yet. Nothing was charged, and your cart is kept.">
          <Act onPress={remedies.payAgain}>Try again</Act>
        </Line>
      );
    case "too_many_attempts":
      return <p className="text-alarm">Too many cards were tried for this order. Nothing was charged. Please start again in a few minutes; your cart is kept.</p>;
    case "card_declined":
      return <p className="text-alarm">{inWords(problem)} Nothing was charged, and your items are kept for you: please try another card.</p>;
  }
  return <p className="text-alarm">{inWords(problem)}</p>;
}

function Short({ line, remedies }: { line: ShortLine; remedies: Remedies }) {
  const title = named(line, remedies);
  const { sku, available: left } = line;
  return left > 0 ? (
    <Line text={`There ${left === 1 ? "is" : "are"} only ${left} of ${title} left; you wanted ${line.requested}.`}>
      <Act onPress={() => remedies.take(sku, left)} of={title}>Take {left}</Act>
      <Act onPress={() => remedies.remove(sku)} of={title}>Remove</Act>
    </Line>
  ) : (
    <Line text={`${title} has just sold out.`}>
      <Act onPress={() => remedies.remove(sku)} of={title}>Remove</Act>
    </Line>
  );
}

function named({ sku, title, options = {} }: { sku: string; title?: string; options?: Record<string, string> }, { titleOf }: Remedies): string {
  return withOptions(`“${title ?? titleOf(sku)}”`, options);
}

const Calm = () => <p className="text-sm text-soft">Nothing was charged.</p>;

function Line({ text, children }: { text: string; children: ReactNode }) {
  return (
    <div>
      <p className="text-alarm">{text}</p>
      <p className="mt-2 flex flex-wrap gap-2">{children}</p>
    </div>
  );
}

function Act({ onPress, of, children }: { onPress: () => Promise<void>; of?: string; children: ReactNode }) {
  const [isBusy, setBusy] = useState(false);
  return (
    <BusyButton
      type="button"
      className="button-quiet"
      isBusy={isBusy}
      onClick={() => {
        setBusy(true);
        void onPress().finally(() => setBusy(false));
      }}
    >
      {children}
      {of && <span className="sr-only"> {of}</span>}
    </BusyButton>
  );
}
