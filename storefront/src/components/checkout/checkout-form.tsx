"use client";
import { useRouter } from "next/navigation";
import { useCallback, useEffect, useRef, useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { cancel, type CheckoutRefusal, orderAddress, type Outcome, payAgain, placeOrder } from "@/shop/checkout";
import { nameRemembered } from "@/shop/memory";
import { byField, inWords, type Refusal, refusal } from "@/shop/problems";
import { weekday } from "@/words/dates";
import { money } from "@/words/money";
import type { Country } from "@/words/countries";
import { addressLines } from "@/words/addresses";
import { type Address, AddressFields, emptyAddress, toAddress } from "../address-fields";
import { Field } from "../field";
import { Notice } from "../notice";
import { CardForm, type CardForm as Card, CardRefused, type PaymentsConfig } from "./card-form";
import { TotalsTable } from "./totals";

type Quote = Schemas["Quote"];
type Saved = Schemas["AddressView"];

export function CheckoutForm({ locale, country, countries }: { locale: string; country: string; countries: Country[] }) {
  const router = useRouter();
  const [email, setEmail] = useState("");
  const [phone, setPhone] = useState("");
  const [address, setAddress] = useState<Address>(() => emptyAddress(country));
  const [billing, setBilling] = useState<Address>();
  const [saved, setSaved] = useState<Saved[]>([]);
  const [quote, setQuote] = useState<Quote>();
  const [config, setConfig] = useState<PaymentsConfig>();
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<CheckoutRefusal>();
  const [declined, setDeclined] = useState<string>();
  const [busy, setBusy] = useState<"quote" | "pay">();
  const [isEmpty, setEmpty] = useState(false);
  // A checkout whose card was declined keeps its stock for another card; with another address it is not that checkout.
  const [open, setOpen] = useState<string>();
  const card = useRef<Card>(null);
  const shippingPart = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    const load = async () => {
      const [cart, payments] = await Promise.all([api.GET("/cart"), api.GET("/payments/config")]);
      setEmpty(cart.data?.lines.length === 0);
      setConfig(payments.data);
      if (!nameRemembered()) return;
      const [profile, addresses] = await Promise.all([api.GET("/users/me"), api.GET("/users/me/addresses")]);
      setEmail(profile.data?.email ?? "");
      const items = addresses.data?.items ?? [];
      setSaved(items);
      const usual = items.find((each) => each.default_shipping) ?? items[0];
      if (usual) setAddress(toAddress(usual));
    };
    load().catch((error: unknown) => setProblem(refusal(error)));
  }, []);

  const ask = useCallback(async (option?: string) => {
    setBusy("quote");
    if (open) await cancel(open);
    setOpen(undefined);
    setDeclined(undefined);
    const { data, error } = await api
      .POST("/checkout/quote", { body: { shipping_address: address, ...(option && { shipping_option: option }) } })
      .catch((error: unknown) => ({ data: undefined, error: error as Refusal }));
    setBusy(undefined);
    setQuote(data);
    const refused = data ? undefined : refusal(error);
    setErrors(refused ? byField(refused) : {});
    setProblem(refused && Object.keys(byField(refused)).length ? undefined : refused);
    return data;
  }, [address, open]);

  const changeAddress = (next: Address) => {
    setAddress(next);
    setQuote(undefined);
  };

  const pay = async () => {
    if (!quote || !card.current) return;
    setBusy("pay");
    setDeclined(undefined);
    setProblem(undefined);
    try {
      const paymentMethod = await card.current.tokenise();
      const outcome = open ? await payAgain(open, paymentMethod) : await placeOrder({
        email,
        ...(phone && { phone }),
        shipping_address: address,
        ...(billing && { billing_address: billing }),
        shipping_option: quote.shipping_option,
        payment_method: paymentMethod,
        expected_total: quote.totals.total,
        locale: locale.slice(0, 2),
      });
      await take(outcome);
    } catch (error) {
      if (!(error instanceof CardRefused)) throw error;
      setDeclined(error.message);
    } finally {
      setBusy(undefined);
    }
  };

  const take = async ({ checkout, problem: refused }: Outcome) => {
    if (checkout) {
      const { next_action: action, order, status, checkout_id: id } = checkout;
      if (status === "completed" && order) location.assign(orderAddress(order));
      else if (action?.type === "redirect" && action.url) location.assign(action.url);
      else router.push(`/checkout/${id}`);
      return;
    }
    setProblem(refused);
    if (refused.code === "card_declined") {
      setOpen(refused.checkout_id);
      return setDeclined(inWords(refused));
    }
    setErrors(byField(refused));
    if (["total_changed", "shipping_option_unknown"].includes(refused.code)) await ask();
  };

  if (isEmpty) {
    return (
      <div className="py-10">
        <p className="text-lg">There is nothing in your cart to check out.</p>
        <p className="mt-6"><a className="button" href="/search">Look around</a></p>
      </div>
    );
  }
  const part = (prefix: string) =>
    Object.fromEntries(Object.entries(errors).flatMap(([name, text]) => (name.startsWith(`${prefix}.`) ? [[name.slice(prefix.length + 1), text]] : [])));
  return (
    <div className="grid gap-10 lg:grid-cols-[minmax(0,1fr)_22rem]">
      <div className="space-y-10">
        {problem && problem.code !== "card_declined" && <Problem problem={problem} />}
        <form
          className="space-y-10"
          onSubmit={async (submit) => {
            submit.preventDefault();
            if (await ask()) shippingPart.current?.focus();
          }}
        >
          <section aria-labelledby="contact">
            <h2 id="contact" className="mb-4 font-serif text-2xl">Contact</h2>
            <div className="grid gap-4 sm:grid-cols-2">
              <Field label="E-mail" type="email" name="email" autoComplete="email" required value={email} error={errors.email} onChange={({ target }) => setEmail(target.value)} hint="For the confirmation and the tracking number." />
              <Field label="Phone" type="tel" name="phone" autoComplete="tel" required={false} value={phone} error={errors.phone} onChange={({ target }) => setPhone(target.value)} hint="For the carrier alone." />
            </div>
          </section>
          <section aria-labelledby="delivery">
            <h2 id="delivery" className="mb-4 font-serif text-2xl">Delivery address</h2>
            {saved.length > 0 && (
              <fieldset className="mb-5 grid gap-2 sm:grid-cols-2">
                <legend className="sr-only">Your addresses</legend>
                {saved.map((each) => (
                  <label key={each.id} className="card flex cursor-pointer gap-3 p-4 has-checked:border-pine">
                    <input type="radio" name="saved" className="mt-1 accent-pine" checked={isSame(address, each)} onChange={() => changeAddress(toAddress(each))} />
                    <span className="text-sm">{addressLines(each, locale).map((line) => <span key={line} className="block">{line}</span>)}</span>
                  </label>
                ))}
              </fieldset>
            )}
            <AddressFields value={address} onChange={changeAddress} errors={part("shipping_address")} countries={countries} section="shipping" />
            <label className="mt-5 flex items-center gap-3">
              <input type="checkbox" className="size-5 accent-pine" checked={billing === undefined} onChange={({ target }) => setBilling(target.checked ? undefined : emptyAddress(address.country))} />
              The invoice goes to the same address
            </label>
            {billing && (
              <div className="mt-5">
                <h3 className="mb-3 font-medium">Invoice address</h3>
                <AddressFields value={billing} onChange={setBilling} errors={part("billing_address")} countries={countries} section="billing" />
              </div>
            )}
          </section>
          {!quote && (
            <button type="submit" className="button" disabled={busy !== undefined}>
              {busy === "quote" ? "Looking up shipping and tax …" : "Continue to shipping"}
            </button>
          )}
        </form>
        {quote && (
          <>
            <section aria-labelledby="shipping">
              <h2 id="shipping" ref={shippingPart} tabIndex={-1} className="mb-4 font-serif text-2xl outline-none">Shipping</h2>
              <fieldset className="grid gap-2" disabled={busy !== undefined}>
                <legend className="sr-only">How it is sent</legend>
                {quote.shipping_options.map((option) => (
                  <label key={option.id} className="card flex cursor-pointer items-center gap-4 p-4 has-checked:border-pine">
                    <input type="radio" name="shipping-option" className="accent-pine" checked={option.id === quote.shipping_option} onChange={() => void ask(option.id)} />
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
              <div className="card p-4">
                {config ? <CardForm config={config} locale={locale} ref={card} /> : <p className="text-soft">Loading the card form …</p>}
              </div>
              <p className="mt-2 text-sm text-soft">What you type here goes to the card processor alone; the shop never sees your card number.</p>
              {declined && <div className="mt-4"><Notice>{declined}{open && " Your things are kept for you; please try another card."}</Notice></div>}
              <button type="button" className="button mt-6 w-full sm:w-auto" disabled={busy !== undefined || !email} onClick={() => void pay()}>
                {busy === "pay" ? "Paying …" : `Pay ${money(quote.totals.total, locale)}`}
              </button>
              {busy === "pay" && <p role="status" className="mt-3 text-sm text-soft">Your bank is being asked. This can take some seconds; please stay here.</p>}
            </section>
          </>
        )}
      </div>
      <aside aria-labelledby="summary" className="card self-start p-6 lg:sticky lg:top-24">
        <h2 id="summary" className="mb-4 font-serif text-2xl">Your order</h2>
        <Summary quote={quote} locale={locale} />
      </aside>
    </div>
  );
}

function Summary({ quote, locale }: { quote: Quote | undefined; locale: string }) {
  const [cart, setCart] = useState<Schemas["CartView"]>();
  useEffect(() => {
    api.GET("/cart").then(({ data }) => setCart(data), () => undefined);
  }, []);
  const lines = quote?.lines.map(({ sku, title, options, quantity, total }) => ({ sku, title, options, quantity, total }))
    ?? cart?.lines.map(({ sku, title, options, quantity, line_total: total }) => ({ sku, title: title ?? sku, options, quantity, total }));
  return (
    <>
      <ul className="mb-5 space-y-3">
        {lines?.map(({ sku, title, options, quantity, total }) => (
          <li key={sku} className="flex justify-between gap-4">
            <span>
              {quantity} × {title}
              <span className="block text-sm text-soft">{Object.values(options).join(" · ")}</span>
            </span>
            {total && <span>{money(total, locale)}</span>}
          </li>
        ))}
      </ul>
      {quote ? (
        <TotalsTable totals={quote.totals} locale={locale} />
      ) : (
        cart && (
          <p className="flex justify-between border-t border-line pt-3">
            <span>Subtotal</span>
            <span>{money(cart.subtotal, locale)}</span>
          </p>
        )
      )}
    </>
  );
}

function Problem({ problem }: { problem: CheckoutRefusal }) {
  const goBack = ["out_of_stock", "no_longer_sold", "cart_empty", "reservation_ended"].includes(problem.code);
  return (
    <Notice>
      <p>{inWords(problem)}</p>
      {goBack && <p className="mt-2"><a className="link" href="/cart">To the cart</a>. Nothing was charged.</p>}
    </Notice>
  );
}

function isSame(address: Address, saved: Saved): boolean {
  return JSON.stringify(address) === JSON.stringify(toAddress(saved));
}
