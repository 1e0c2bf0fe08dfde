"use client";
import { useRouter } from "next/navigation";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { api, type Schemas } from "@/api/browser";
import { changeLine, loadCart, removeLine, useCart } from "@/shop/cart";
import { type CheckoutRefusal, orderAddress, type Outcome, payAgain, placeOrder } from "@/shop/checkout";
import { nameRemembered, onMemory } from "@/shop/memory";
import { inWords, type Refusal, refusal, sharedOut } from "@/shop/problems";
import { addressLines } from "@/words/addresses";
import type { Country } from "@/words/countries";
import { weekday } from "@/words/dates";
import { money } from "@/words/money";
import { type Address, AddressFields, emptyAddress, EVERY_PART, toAddress } from "../address-fields";
import { BusyButton } from "../busy-button";
import { Field } from "../field";
import { Notice } from "../notice";
import { CardForm, type CardForm as Card, CardRefused, type PaymentsConfig } from "./card-form";
import { contentChanges, priceChanges, totalChange } from "./changes";
import { Paying } from "./paying";
import { NoticeBox, Refused, type Remedies } from "./refused";
import { OrderSummary } from "./summary";

type Quote = Schemas["Quote"];
type Saved = Schemas["AddressView"];
/** Which address it goes to: one that is saved, by its id, or the one that is typed. */
const TYPED = "typed";
const CARDS = ["Visa", "Mastercard", "American Express"];

/** What stands beside the button, and takes the focus when it appears. */
type Said =
  | { kind: "refusal"; problem: CheckoutRefusal; whilePaying?: boolean }
  /** What was shown does not hold any more: nothing is paid until the shopper has agreed to this. */
  | { kind: "proposal"; quote: Quote; sentences: string[] }
  | { kind: "news"; sentences: string[] };

/** The way from a cart to a paid order: where it goes, how it is sent, with what it is paid. */
export function CheckoutForm({ locale, country, countries }: { locale: string; country: string; countries: Country[] }) {
  const router = useRouter();
  const { cart, problem: cartProblem } = useCart();
  const name = useSyncExternalStore(onMemory, nameRemembered, () => null);
  const [email, setEmail] = useState("");
  const [phone, setPhone] = useState("");
  const [typed, setTyped] = useState<Address>(() => emptyAddress(country));
  const [saved, setSaved] = useState<Saved[]>([]);
  const [chosen, setChosen] = useState(TYPED);
  const [billing, setBilling] = useState<Address>();
  const [quote, setQuote] = useState<Quote>();
  const [config, setConfig] = useState<PaymentsConfig>();
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [said, setSaid] = useState<Said>();
  const [busy, setBusy] = useState<"quote" | "pay">();
  const [isInLine, setInLine] = useState(false);
  const [isLoaded, setLoaded] = useState(false);
  /** The checkout that a declined card has left open, and what it buys. Another card alone is tried on it. */
  const [open, setOpen] = useState<{ id: string; buys: string }>();
  const card = useRef<Card>(null);
  const form = useRef<HTMLFormElement>(null);
  const notice = useRef<HTMLDivElement>(null);
  const payButton = useRef<HTMLDivElement>(null);
  const delivery = useRef<HTMLHeadingElement>(null);
  const goesTo = useRef<"delivery" | "pay" | "address">(undefined);
  const waiting = useRef<AbortController>(undefined);

  useEffect(() => {
    const load = async () => {
      const [payments] = await Promise.all([api.GET("/payments/config"), loadCart()]);
      setConfig(payments.data);
      if (!nameRemembered()) return;
      const [profile, addresses] = await Promise.all([api.GET("/users/me"), api.GET("/users/me/addresses")]);
      setEmail((before) => before || (profile.data?.email ?? ""));
      const items = addresses.data?.items ?? [];
      setSaved(items);
      const usual = items.find((each) => each.default_shipping) ?? items[0];
      if (usual) setChosen(usual.id);
    };
    load()
      .catch((error: unknown) => setSaid({ kind: "refusal", problem: refusal(error) }))
      .finally(() => setLoaded(true));
  }, []);

  useEffect(() => () => waiting.current?.abort(), []);

  // Back from the bank's page by the browser's button: the page is as it was left, and waits for nothing.
  useEffect(() => {
    const isBack = ({ persisted }: PageTransitionEvent) => persisted && setBusy(undefined);
    window.addEventListener("pageshow", isBack);
    return () => window.removeEventListener("pageshow", isBack);
  }, []);

  // The focus goes where the eye goes. In an effect: what it goes to is on the page only now.
  useEffect(() => {
    const wrong = form.current?.querySelector<HTMLElement>("[aria-invalid=true]");
    if (Object.keys(errors).length && wrong) wrong.focus();
    else if (said) notice.current?.focus();
  }, [said, errors]);
  useEffect(() => {
    const next = goesTo.current;
    goesTo.current = undefined;
    if (next === "delivery") delivery.current?.focus();
    if (next === "pay") payButton.current?.querySelector("button")?.focus();
    if (next === "address") form.current?.querySelector<HTMLElement>("select, input[name=address]")?.focus();
  });

  const address = saved.find(({ id }) => id === chosen);
  const shippingAddress = address ? toAddress(address) : typed;

  const refuse = (problem: CheckoutRefusal, whilePaying = false) => {
    const { fields, above } = sharedOut(problem, isField);
    setErrors(fields);
    if (address && Object.keys(fields).some((field) => field.startsWith("shipping_address."))) {
      setTyped(toAddress(address)); // a saved address that is refused is corrected in the form
      setChosen(TYPED);
    }
    setSaid(above === undefined ? undefined : { kind: "refusal", problem: { ...problem, detail: above, errors: [] }, whilePaying });
  };

  /** What it costs now. Undefined: refused, and the page says why. */
  const ask = async (option?: string): Promise<Quote | undefined> => {
    setBusy("quote");
    const body = { shipping_address: shippingAddress, ...(option && { shipping_option: option }) };
    const { data, error } = await api
      .POST("/checkout/quote", { body })
      .catch((error: unknown) => ({ data: undefined, error: error as Refusal }));
    setBusy(undefined);
    if (!data) refuse(refusal(error));
    return data;
  };

  /** Shows what the shopper has asked for. A price that has changed meanwhile is agreed to first. */
  const show = (next: Quote, news: string[] = []) => {
    const prices = quote ? priceChanges(quote, next, locale) : [];
    setErrors({});
    if (quote && prices.length) return setSaid({ kind: "proposal", quote: next, sentences: [...prices, totalChange(quote, next, locale)] });
    setQuote(next);
    setSaid(news.length ? { kind: "news", sentences: news } : undefined);
  };

  const changeAddress = (change: () => void) => {
    change();
    setQuote(undefined);
    setSaid(undefined);
  };

  const correctCart = async (correct: () => ReturnType<typeof changeLine>) => {
    const problem = await correct();
    if (problem) return refuse(problem);
    const next = await ask(quote?.shipping_option);
    if (!next) return;
    if (quote) show(next, [...contentChanges(quote, next), totalChange(quote, next, locale)]);
    else {
      goesTo.current = "delivery";
      show(next);
    }
  };

  const remedies: Remedies = {
    take: (sku, quantity) => correctCart(() => changeLine(sku, quantity)),
    remove: (sku) => correctCart(() => removeLine(sku)),
    chooseDelivery: async () => {
      const next = await ask();
      if (!next) return;
      goesTo.current = "delivery";
      show(next);
    },
    changeAddress: () => changeAddress(() => (goesTo.current = "address")),
    titleOf: (sku) => (quote?.lines ?? cart?.lines ?? []).find((line) => line.sku === sku)?.title ?? "One of your items",
  };

  const pay = async () => {
    if (!quote || !card.current) return;
    if (said?.kind === "proposal") return notice.current?.focus();
    if (!form.current?.reportValidity()) return;
    setBusy("pay");
    setSaid(undefined);
    setErrors({});
    waiting.current = new AbortController();
    const patience = { stopped: waiting.current.signal, onBusy: () => setInLine(true) };
    try {
      const paymentMethod = await card.current.tokenise();
      const wish = {
        email,
        ...(phone && { phone }),
        shipping_address: shippingAddress,
        ...(billing && { billing_address: billing }),
        shipping_option: quote.shipping_option,
        expected_total: quote.totals.total,
        locale: locale.slice(0, 2),
      };
      const buys = JSON.stringify([wish, quote.lines.map(({ sku, quantity }) => [sku, quantity])]);
      const isAnotherCard = open?.buys === buys;
      let outcome = isAnotherCard ? await payAgain(open.id, paymentMethod, patience) : undefined;
      // The time to pay has run out meanwhile: the same is bought by a new checkout, if it can still be had.
      if (!outcome || outcome.problem?.code === "checkout_ended") outcome = await placeOrder({ ...wish, payment_method: paymentMethod }, patience);
      setInLine(false);
      if (await leaves(outcome, quote, buys)) return; // busy until the next page is here: it is not paid twice
    } catch (error) {
      if (!(error instanceof CardRefused)) throw error;
      setSaid({ kind: "refusal", problem: { ...refusal(undefined), code: "card_incomplete", detail: error.message } });
    }
    setBusy(undefined);
  };

  /** Goes on with what came of it; false, if the shopper stays here and is told why. */
  const leaves = async ({ checkout, problem }: Outcome, shown: Quote, buys: string): Promise<boolean> => {
    if (checkout) {
      const { next_action: action, order, status, checkout_id: id } = checkout;
      if (status === "completed" && order) location.assign(orderAddress(order));
      else if (action?.type === "redirect" && action.url) location.assign(action.url);
      else router.push(`/checkout/${id}`);
      return true;
    }
    setOpen(problem.code === "card_declined" && problem.checkout_id ? { id: problem.checkout_id, buys } : undefined);
    if (problem.code !== "total_changed") {
      refuse(problem, true);
      return false;
    }
    const next = await ask(shown.shipping_option);
    if (!next) return false;
    const reasons = [...contentChanges(shown, next), ...priceChanges(shown, next, locale)];
    setSaid({ kind: "proposal", quote: next, sentences: [...(reasons.length ? reasons : ["The price of your order has changed."]), totalChange(shown, next, locale)] });
    return false;
  };

  // Nothing is shown that would move when the rest arrives.
  if (!isLoaded) return <p role="status" className="text-lg text-soft">Loading your order …</p>;
  if (!cart && cartProblem) return <Notice>{inWords(cartProblem)}</Notice>;
  if (cart?.lines.length === 0) {
    return (
      <div className="py-10">
        <p className="text-lg">Your cart is empty.</p>
        <p className="mt-6"><a className="button" href="/search">Browse the shop</a></p>
      </div>
    );
  }
  const part = (prefix: string) =>
    Object.fromEntries(Object.entries(errors).flatMap(([field, text]) => (field.startsWith(`${prefix}.`) ? [[field.slice(prefix.length + 1), text]] : [])));
  const images = new Map((cart?.lines ?? []).map(({ sku, image }) => [sku, image]));
  const lines = quote?.lines.map((line) => ({ ...line, image: images.get(line.sku) }))
    ?? (cart?.lines ?? []).map((line) => ({ ...line, title: line.title ?? line.sku, total: line.line_total }));
  const beside = said && (
    <div className="mb-5">
      {said.kind === "refusal" && <Refused problem={said.problem} remedies={{ ...remedies, payAgain: said.whilePaying ? pay : undefined }} ref={notice} />}
      {said.kind === "news" && <NoticeBox tone="plain" ref={notice}>{said.sentences.map((text) => <p key={text}>{text}</p>)}</NoticeBox>}
      {said.kind === "proposal" && (
        <NoticeBox ref={notice}>
          {said.sentences.map((text) => <p key={text}>{text}</p>)}
          <p className="text-sm text-soft">Nothing was charged.</p>
          <button
            type="button"
            className="button"
            onClick={() => {
              goesTo.current = "pay";
              setQuote(said.quote);
              setSaid(undefined);
            }}
          >
            Accept {money(said.quote.totals.total, locale)}
          </button>
        </NoticeBox>
      )}
    </div>
  );
  return (
    <div className="grid gap-8 lg:grid-cols-[minmax(0,1fr)_24rem] lg:gap-14">
      <OrderSummary lines={lines} totals={quote?.totals} rates={quote?.tax_rates ?? []} subtotal={cart?.subtotal} locale={locale} />
      <div className="min-w-0 space-y-10">
        <form
          ref={form}
          method="post"
          className="space-y-10"
          onSubmit={async (submit) => {
            submit.preventDefault();
            if (busy) return;
            setSaid(undefined);
            const next = await ask();
            if (!next) return;
            goesTo.current = "delivery";
            show(next);
          }}
        >
          <section aria-labelledby="contact">
            <div className="mb-4 flex flex-wrap items-baseline justify-between gap-2">
              <h2 id="contact" className="font-serif text-2xl">Contact</h2>
              {!name && <p className="text-sm">Have an account? <a className="link" href="/account/sign-in?next=/checkout">Sign in</a></p>}
            </div>
            <div className="grid gap-4 sm:grid-cols-2">
              <Field label="E-mail" type="email" name="email" autoComplete="email" required value={email} error={errors.email} onChange={({ target }) => setEmail(target.value)} hint="For your confirmation and tracking link." />
              <Field label="Phone" type="tel" name="phone" autoComplete="tel" required={false} value={phone} error={errors.phone} onChange={({ target }) => setPhone(target.value)} hint="Only for questions about the delivery." />
            </div>
          </section>
          <section aria-labelledby="address">
            <h2 id="address" className="mb-4 font-serif text-2xl">Delivery address</h2>
            {saved.length > 0 && (
              <fieldset className="grid gap-2 sm:grid-cols-2">
                <legend className="sr-only">Your addresses</legend>
                {saved.map((each) => (
                  <label key={each.id} className="card flex cursor-pointer gap-3 p-4 has-checked:border-pine">
                    <input type="radio" name="address" className="mt-1 accent-pine" checked={chosen === each.id} onChange={() => changeAddress(() => setChosen(each.id))} />
                    <span className="text-sm">{addressLines(each, locale).map((line) => <span key={line} className="block">{line}</span>)}</span>
                  </label>
                ))}
                <label className="card flex cursor-pointer gap-3 p-4 has-checked:border-pine">
                  <input type="radio" name="address" className="mt-1 accent-pine" checked={chosen === TYPED} onChange={() => changeAddress(() => setChosen(TYPED))} />
                  <span className="text-sm">Another address</span>
                </label>
              </fieldset>
            )}
            {chosen === TYPED && (
              <div className={saved.length ? "mt-5" : ""}>
                <AddressFields value={typed} onChange={(next) => changeAddress(() => setTyped(next))} errors={part("shipping_address")} countries={countries} section="shipping" />
              </div>
            )}
            <label className="mt-5 flex items-center gap-3">
              <input type="checkbox" className="size-5 accent-pine" checked={billing === undefined} onChange={({ target }) => setBilling(target.checked ? undefined : emptyAddress(shippingAddress.country))} />
              Use this as the billing address, too
            </label>
            {billing && (
              <div className="mt-5">
                <h3 className="mb-3 font-medium">Billing address</h3>
                <AddressFields value={billing} onChange={setBilling} errors={part("billing_address")} countries={countries} section="billing" />
              </div>
            )}
          </section>
          {!quote && (
            <div>
              {beside}
              <BusyButton type="submit" className="button w-full sm:w-auto" isBusy={busy !== undefined}>
                {busy === "quote" ? "Checking delivery and tax …" : "Continue to shipping"}
              </BusyButton>
            </div>
          )}
        </form>
        {quote && (
          <>
            <section aria-labelledby="shipping">
              <h2 id="shipping" ref={delivery} tabIndex={-1} className="mb-4 font-serif text-2xl outline-none">Shipping</h2>
              <fieldset className="grid gap-2" aria-busy={busy === "quote"}>
                <legend className="sr-only">Shipping method</legend>
                {quote.shipping_options.map((option) => (
                  <label key={option.id} className="card flex cursor-pointer items-center gap-4 p-4 has-checked:border-pine">
                    <input
                      type="radio"
                      name="shipping-option"
                      className="accent-pine"
                      checked={option.id === quote.shipping_option}
                      onChange={async () => {
                        const next = busy ? undefined : await ask(option.id);
                        if (next) show(next);
                      }}
                    />
                    <span className="flex-1">
                      <span className="block font-medium">{option.name}</span>
                      <span className="text-sm text-soft">
                        {option.carrier}, {weekday(option.promised_from, locale)}
                        {option.promised_to !== option.promised_from && ` to ${weekday(option.promised_to, locale)}`}
                      </span>
                    </span>
                    <span className="font-medium">{option.price.amount ? money(option.price, locale) : "Free"}</span>
                  </label>
                ))}
              </fieldset>
            </section>
            <section aria-labelledby="payment">
              <h2 id="payment" className="mb-4 font-serif text-2xl">Payment</h2>
              <ul aria-label="Cards we accept" className="mb-3 flex flex-wrap gap-2 text-xs text-soft">
                {CARDS.map((brand) => <li key={brand} className="rounded border border-line bg-sheet px-2 py-1">{brand}</li>)}
              </ul>
              <div className="card p-4">
                {config ? <CardForm config={config} locale={locale} ref={card} /> : <p className="text-soft">Loading the card form …</p>}
              </div>
              <p className="mt-2 mb-6 text-sm text-soft">Your card details go straight to our payment provider. We never see them.</p>
              {beside}
              {/* Opened beside the checkout: what is typed into the card's form would be lost. */}
              <p className="mb-4 text-sm text-soft">
                By paying, you place an order with obligation to pay and accept our <a className="link" href="/terms" target="_blank">terms</a>. You can
                withdraw as described under <a className="link" href="/withdrawal" target="_blank">right of withdrawal</a>; how we handle your data is
                described under <a className="link" href="/privacy" target="_blank">privacy</a>.
              </p>
              <div ref={payButton}>
                <BusyButton type="button" className="button w-full sm:w-auto" isBusy={busy !== undefined} onClick={() => void pay()}>
                  {busy === "pay" ? "Paying …" : `Pay ${money(quote.totals.total, locale)}`}
                </BusyButton>
              </div>
              {busy === "pay" && <Paying isInLine={isInLine} onStop={() => waiting.current?.abort()} />}
            </section>
          </>
        )}
      </div>
    </div>
  );
}

/** Whether the page has a field for a part of the request. */
function isField(name: string): boolean {
  const [section, part] = name.split(".");
  if (name === "email" || name === "phone") return true;
  return (section === "shipping_address" || section === "billing_address") && part !== undefined && part in EVERY_PART;
}
