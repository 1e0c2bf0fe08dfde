"use client";
import { useEffect, useImperativeHandle, useRef, useState, type Ref } from "react";
import type { Schemas } from "@/api/browser";

export type PaymentsConfig = Schemas["PaymentsConfig"];

/** What the checkout asks of a card form: a token for the card that was typed in. Card numbers stay with the processor. */
export interface CardForm {
  /** Gives a `pm_…`. Rejects with CardRefused if the card is not whole. */
  tokenise(): Promise<string>;
}

export class CardRefused extends Error {
  override name = "CardRefused";
}

interface Props {
  config: PaymentsConfig;
  locale: string;
  ref: Ref<CardForm>;
}

/** The processor's own form, in a frame of its origin. */
export function CardForm({ config, locale, ref }: Props) {
  return config.card_form_url ? (
    <FramedForm config={config} locale={locale} ref={ref} />
  ) : (
    <StripeForm config={config} locale={locale} ref={ref} />
  );
}

type Said =
  | { type: "bodega:ready" }
  | { type: "bodega:resize"; height: number }
  | { type: "bodega:change"; complete: boolean; empty: boolean; error: string | null }
  | { type: "bodega:payment_method"; id: string; payment_method: { id: string } }
  | { type: "bodega:error"; id: string; message: string };

/** A page of the processor's; it speaks by messages, each with the other's origin named (src/bodega/sandbox/README.md). */
function FramedForm({ config, locale, ref }: Props) {
  const frame = useRef<HTMLIFrameElement>(null);
  const waiting = useRef(new Map<string, { resolve: (token: string) => void; reject: (error: Error) => void }>());
  const [height, setHeight] = useState(260);
  const [address, setAddress] = useState<URL>();

  useEffect(() => {
    if (!config.card_form_url) return;
    const url = new URL(config.card_form_url);
    url.searchParams.set("key", config.publishable_key);
    url.searchParams.set("locale", locale);
    url.searchParams.set("origin", location.origin);
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the page's own origin is known in the browser only
    setAddress(url);
    const hear = ({ origin, source, data }: MessageEvent<Said>) => {
      if (origin !== url.origin || source !== frame.current?.contentWindow) return;
      if (data.type === "bodega:resize") setHeight(data.height);
      if (data.type === "bodega:payment_method") settle(data.id)?.resolve(data.payment_method.id);
      if (data.type === "bodega:error") settle(data.id)?.reject(new CardRefused(data.message));
    };
    const settle = (id: string) => {
      const asked = waiting.current.get(id);
      waiting.current.delete(id);
      return asked;
    };
    window.addEventListener("message", hear);
    return () => window.removeEventListener("message", hear);
  }, [config, locale]);

  useImperativeHandle(ref, () => ({
    tokenise: () =>
      new Promise<string>((resolve, reject) => {
        if (!address || !frame.current?.contentWindow) return reject(new CardRefused("The card form is still loading. Please try again in a moment."));
        const id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16)).join("");
        waiting.current.set(id, { resolve, reject });
        frame.current.contentWindow.postMessage({ type: "bodega:submit", id }, address.origin);
      }),
  }), [address]);

  if (!address) return <p className="text-soft">Loading the card form …</p>;
  return (
    <iframe
      ref={(element) => {
        frame.current = element;
        // Set through the object model: a style attribute would be refused by the policy.
        if (element) element.style.height = `${height}px`;
      }}
      src={address.href}
      title="Card details"
      allow="payment"
      // The processor's form is made for light pages.
      className="w-full rounded-lg border-0 bg-white scheme-light"
    />
  );
}

/** Stripe's card element. Its script comes from Stripe, when it is needed, as Stripe's rules for card data want. */
function StripeForm({ config, locale, ref }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const stripe = useRef<{ tokenise: () => Promise<string> }>(null);
  const [trouble, setTrouble] = useState<string>();

  useEffect(() => {
    let isGone = false;
    const mount = async () => {
      const { loadStripe } = await import("@stripe/stripe-js/pure");
      const processor = await loadStripe(config.publishable_key, { locale: locale.slice(0, 2) as "en" });
      if (!processor || isGone || !place.current) return;
      const card = processor.elements().create("card");
      card.mount(place.current);
      stripe.current = {
        tokenise: async () => {
          const { paymentMethod, error } = await processor.createPaymentMethod({ type: "card", card });
          if (!paymentMethod) throw new CardRefused(error.message);
          return paymentMethod.id;
        },
      };
    };
    mount().catch((error: unknown) => {
      console.error(error);
      setTrouble("The card form could not be loaded. Nothing was charged; please try again in a moment.");
    });
    return () => {
      isGone = true;
    };
  }, [config, locale]);

  useImperativeHandle(ref, () => ({
    tokenise: async () => {
      if (!stripe.current) throw new CardRefused("The card form is still loading. Please try again in a moment.");
      return stripe.current.tokenise();
    },
  }), []);

  return trouble ? <p className="text-alarm">{trouble}</p> : <div ref={place} className="min-h-11 rounded-lg bg-white px-2 py-3 scheme-light" />;
}
