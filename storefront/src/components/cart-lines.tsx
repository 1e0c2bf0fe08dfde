"use client";
import { useId, useState } from "react";
import { type Cart, type CartLine, changeLine, removeLine } from "@/shop/cart";
import { inWords } from "@/shop/problems";
import { money } from "@/words/money";

const MOST = 99;

/** The lines of a cart, to be changed in place. */
export function CartLines({ cart, locale }: { cart: Cart; locale: string }) {
  return (
    <ul className="divide-y divide-line">
      {cart.lines.map((line) => (
        <Line key={line.sku} line={line} locale={locale} />
      ))}
    </ul>
  );
}

function Line({ line, locale }: { line: CartLine; locale: string }) {
  const id = useId();
  const [isBusy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string>();
  const title = line.title ?? line.sku;
  const change = async (call: ReturnType<typeof changeLine>) => {
    setBusy(true);
    const problem = await call;
    setRefused(problem && inWords(problem));
    setBusy(false);
  };
  return (
    <li className="flex gap-4 py-5" aria-busy={isBusy}>
      <div className="size-24 shrink-0 overflow-hidden rounded-xl bg-sand">
        {line.image && <img src={`/media/${line.image}`} alt="" width={320} height={320} loading="lazy" className="size-full object-cover" />}
      </div>
      <div className="min-w-0 flex-1">
        <p className="font-medium">
          {line.slug ? <a className="link no-underline hover:underline" href={`/products/${line.slug}`}>{title}</a> : title}
        </p>
        <p className="text-sm text-soft">{Object.values(line.options).join(" · ")}</p>
        {line.warnings.map((warning) => (
          <p key={warning.code} className="mt-1 text-sm text-clay">{warning.message}</p>
        ))}
        {refused && <p role="alert" className="mt-1 text-sm text-alarm">{refused}</p>}
        <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
          <form
            method="post"
            action="/cart/lines"
            onSubmit={(submit) => {
              submit.preventDefault();
              void change(removeLine(line.sku));
            }}
            className="flex items-center"
          >
            <input type="hidden" name="sku" value={line.sku} />
            <label className="sr-only" htmlFor={id}>Quantity of {title}</label>
            <select
              id={id}
              name="quantity"
              value={line.quantity}
              disabled={isBusy}
              onChange={(event) => change(changeLine(line.sku, Number(event.target.value)))}
              className="min-h-11 rounded-lg border border-[#8d8473] bg-sheet px-2"
            >
              {choices(line.quantity).map((quantity) => <option key={quantity}>{quantity}</option>)}
            </select>
            <noscript><button type="submit" className="link ml-3 min-h-11 text-sm">Update</button></noscript>
            <button type="submit" name="remove" value="yes" disabled={isBusy} className="link ml-3 min-h-11 text-sm">
              Remove<span className="sr-only"> {title}</span>
            </button>
          </form>
          {line.line_total && <p className="font-medium">{money(line.line_total, locale)}</p>}
        </div>
      </div>
    </li>
  );
}

function choices(present: number): number[] {
  const usual = Array.from({ length: 10 }, (_, index) => index + 1);
  return usual.includes(present) ? usual : [...usual, Math.min(present, MOST)];
}
