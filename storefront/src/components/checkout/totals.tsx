import type { components } from "@/api/schema";
import { money } from "@/words/money";

interface Props {
  totals: components["schemas"]["Totals"];
  /** The tax rates of the lines, as decimal fractions; see `ratesOf`. */
  rates: string[];
  locale: string;
}

/** The rates by which lines are taxed, each once, ascending; a rate of nothing is none. */
export function ratesOf(lines: Pick<components["schemas"]["OrderLine"], "tax" | "tax_rate">[]): string[] {
  const rates = new Set(lines.filter(({ tax }) => tax.amount > 0).map(({ tax_rate }) => tax_rate));
  return [...rates].sort((one, other) => Number(one) - Number(other));
}

/** What is paid, and what it is made of. */
export function TotalsTable({ totals, rates, locale }: Props) {
  const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 3 });
  const named = [totals.tax_included ? "VAT" : "Tax", rates.length && `(${rates.map((rate) => percent.format(Number(rate))).join(" and ")})`].filter(Boolean).join(" ");
  const rows = [
    ["Items", money(totals.items, locale)],
    ["Delivery", totals.shipping.amount ? money(totals.shipping, locale) : "Free"],
    ...(totals.discount.amount ? [["Discount", money({ ...totals.discount, amount: -totals.discount.amount }, locale)] as const] : []),
    ...(totals.tax_included ? [] : [[named, money(totals.tax, locale)] as const]),
  ] as const;
  return (
    <dl className="grid grid-cols-[1fr_auto] gap-y-2">
      {rows.map(([label, amount]) => (
        <div key={label} className="contents text-soft">
          <dt>{label}</dt>
          <dd className="text-right">{amount}</dd>
        </div>
      ))}
      <dt className="border-t border-line pt-3 text-lg font-medium">Total</dt>
      <dd className="border-t border-line pt-3 text-right text-lg font-medium">{money(totals.total, locale)}</dd>
      {totals.tax_included && totals.tax.amount > 0 && (
        <div className="contents text-sm text-soft">
          <dt>Including {named}</dt>
          <dd className="text-right">{money(totals.tax, locale)}</dd>
        </div>
      )}
    </dl>
  );
}
