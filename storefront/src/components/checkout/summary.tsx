"use client";
import { useState } from "react";
import type { Schemas } from "@/api/browser";
import { money } from "@/words/money";
import { TotalsTable } from "./totals";

export interface SummaryLine {
  sku: string;
  title: string;
  options?: Record<string, string>;
  image?: string | null | undefined;
  quantity: number;
  total: Schemas["Price"] | null;
}

interface Props {
  lines: SummaryLine[];
  totals: Schemas["Totals"] | undefined;
  /** By which its lines are taxed, as decimal fractions. */
  rates: string[];
  /** What is known before the totals are. */
  subtotal?: Schemas["Price"] | undefined;
  locale: string;
}

/** What is bought and what it costs. On a phone it stands above all else, folded up to its total. */
export function OrderSummary({ lines, totals, rates, subtotal, locale }: Props) {
  const [isOpen, setOpen] = useState(false);
  const sum = totals?.total ?? subtotal;
  return (
    <aside aria-label="Your order" className="card self-start p-4 sm:p-6 lg:sticky lg:top-24 lg:order-last">
      <h2 className="hidden font-serif text-2xl lg:mb-4 lg:block">Your order</h2>
      <button
        type="button"
        className="flex min-h-11 w-full items-center justify-between gap-4 lg:hidden"
        aria-expanded={isOpen}
        aria-controls="order-summary"
        onClick={() => setOpen(!isOpen)}
      >
        <span className="link">{isOpen ? "Hide your order" : "Show your order"}</span>
        <span className="text-lg font-medium">{sum ? money(sum, locale) : ""}</span>
      </button>
      <div id="order-summary" className={isOpen ? "mt-4 lg:mt-0" : "hidden lg:block"}>
        <ul className="mb-5 space-y-4">
          {lines.map(({ sku, title, options = {}, image, quantity, total }) => (
            <li key={sku} className="flex items-start gap-3">
              <span className="size-14 shrink-0 overflow-hidden rounded-lg bg-sand">
                {image && <img src={`/media/${image}`} alt="" width={160} height={160} className="size-full object-cover" />}
              </span>
              <span className="min-w-0 flex-1 wrap-anywhere">
                {quantity} × {title}
                <span className="block text-sm text-soft">{Object.values(options).join(" · ")}</span>
              </span>
              {total && <span>{money(total, locale)}</span>}
            </li>
          ))}
        </ul>
        {totals ? (
          <TotalsTable totals={totals} rates={rates} locale={locale} />
        ) : (
          subtotal && (
            <p className="flex justify-between border-t border-line pt-3">
              <span>Subtotal</span>
              <span>{money(subtotal, locale)}</span>
            </p>
          )
        )}
      </div>
    </aside>
  );
}
