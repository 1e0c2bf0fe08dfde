"use client";
import { useEffect, useId, useRef, useState } from "react";
import { type Cart, type CartLine, changeLine, removeLine } from "@/shop/cart";
import { inWords } from "@/shop/problems";
import { money } from "@/words/money";
import { BusyButton } from "./busy-button";
import { QuantityChoice } from "./quantity-choice";

/** The lines of a cart, to be changed in place; what a cart without lines says. */
export function CartLines({ cart, locale, empty }: { cart: Cart; locale: string; empty: React.ReactNode }) {
  const root = useRef<HTMLDivElement>(null);
  // The line that was removed, until the cart is shown without it.
  const removed = useRef<{ position: number; sku: string }>(undefined);
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!removed.current) return;
    const { position, sku } = removed.current;
    if (cart.lines.some((line) => line.sku === sku)) return; // an answer from before
    removed.current = undefined;
    // What had the focus is gone: it goes to the line that took its place, or to the words that there is none.
    const buttons = root.current?.querySelectorAll<HTMLElement>("button[name=remove]") ?? [];
    (buttons[Math.min(position, buttons.length - 1)] ?? root.current?.querySelector<HTMLElement>("[data-empty]"))?.focus();
  }, [cart]);
  return (
    <div ref={root}>
      <p role="status" className="sr-only">{said}</p>
      {cart.lines.length > 0 ? (
        <ul className="divide-y divide-line">
          {cart.lines.map((line, position) => (
            <Line
              key={line.sku}
              line={line}
              locale={locale}
              onRemove={() => {
                removed.current = { position, sku: line.sku };
                setSaid(`${line.title ?? line.sku} was removed.`);
              }}
            />
          ))}
        </ul>
      ) : (
        <div data-empty tabIndex={-1} className="outline-none">{empty}</div>
      )}
    </div>
  );
}

/** How many of a line can be had, as far as anybody knows; 0: none, or it is not sold any more. Null: enough. */
export function leftOf({ quantity, available, in_stock, warnings }: CartLine): number | null {
  if (warnings.some(({ code }) => code === "no_longer_sold") || in_stock === false) return 0;
  return available !== null && available < quantity ? available : null;
}

function Line({ line, locale, onRemove }: { line: CartLine; locale: string; onRemove: () => void }) {
  const id = useId();
  const [isBusy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string>();
  const title = line.title ?? line.sku;
  const left = leftOf(line);
  const change = async (call: ReturnType<typeof changeLine>) => {
    setBusy(true);
    const problem = await call;
    setRefused(problem && inWords(problem));
    setBusy(false);
  };
  const take = async (quantity: number) => {
    await change(changeLine(line.sku, quantity));
    document.getElementById(id)?.focus(); // the button that was pressed is gone
  };
  return (
    <li className="flex gap-4 py-5" aria-busy={isBusy}>
      <div className="size-24 shrink-0 overflow-hidden rounded-xl bg-sand">
        {line.image && <img src={`/media/${line.image}`} alt="" width={320} height={320} loading="lazy" className="size-full object-cover" />}
      </div>
      <div className="min-w-0 flex-1">
        <p className="font-medium wrap-anywhere">
          {line.slug ? <a className="link no-underline hover:underline" href={`/products/${line.slug}`}>{title}</a> : title}
        </p>
        <p className="text-sm wrap-anywhere text-soft">{Object.values(line.options).join(" · ")}</p>
        {line.warnings.filter(({ code }) => code === "price_changed").map(({ code, was, now }) => (
          <p key={code} className="mt-1 text-sm text-clay">
            {was && now ? `The price is now ${money(now, locale)} (was ${money(was, locale)}).` : "The price has changed."}
          </p>
        ))}
        <form
          method="post"
          action="/cart/lines"
          onSubmit={(submit) => {
            submit.preventDefault();
            if (isBusy) return;
            const pressed = (submit.nativeEvent as SubmitEvent).submitter?.getAttribute("name");
            if (pressed === "take" && left) return void take(left);
            onRemove();
            void change(removeLine(line.sku));
          }}
        >
          <input type="hidden" name="sku" value={line.sku} />
          {left !== null && (
            <p className="mt-1 text-sm text-clay">
              {left > 0 ? `Only ${left} left, and your cart has ${line.quantity}.` : line.in_stock === false ? "Sold out. Please remove it to check out." : "No longer sold. Please remove it to check out."}
              {left > 0 && (
                <>
                  {" "}
                  <BusyButton type="submit" name="take" value={left} isBusy={isBusy} className="link ml-1 min-h-11 font-medium text-ink">
                    Take {left}<span className="sr-only"> of {title}</span>
                  </BusyButton>
                </>
              )}
            </p>
          )}
          {refused && <p role="alert" className="mt-1 text-sm text-alarm">{refused}</p>}
          <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
            <div className="flex items-center">
              <label className="sr-only" htmlFor={id}>Quantity of {title}</label>
              <QuantityChoice
                id={id}
                value={line.quantity}
                left={line.available}
                isBusy={isBusy}
                onChange={(quantity) => void change(changeLine(line.sku, quantity))}
                className="min-h-11 rounded-lg border border-edge bg-sheet px-2"
              />
              <noscript><button type="submit" className="link ml-3 min-h-11 text-sm">Update</button></noscript>
              <BusyButton type="submit" name="remove" value="yes" isBusy={isBusy} className="link ml-3 min-h-11 text-sm">
                Remove<span className="sr-only"> {title}</span>
              </BusyButton>
            </div>
            {line.line_total && <p className="font-medium">{money(line.line_total, locale)}</p>}
          </div>
        </form>
      </div>
    </li>
  );
}
