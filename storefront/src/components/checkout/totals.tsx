import type { components } from "@/api/schema";
import { money } from "@/words/money";

/** What is paid, and what it is made of. */
export function TotalsTable({ totals, locale }: { totals: components["schemas"]["Totals"]; locale: string }) {
  const rows = [
    ["Items", totals.items],
    ["Shipping", totals.shipping],
    ...(totals.discount.amount ? [["Discount", { ...totals.discount, amount: -totals.discount.amount }] as const] : []),
    ...(totals.tax_included ? [] : [["Tax", totals.tax] as const]),
  ] as const;
  return (
    <dl className="grid grid-cols-[1fr_auto] gap-y-2">
      {rows.map(([label, amount]) => (
        <div key={label} className="contents text-soft">
          <dt>{label}</dt>
          <dd className="text-right">{money(amount, locale)}</dd>
        </div>
      ))}
      <dt className="border-t border-line pt-3 text-lg font-medium">Total</dt>
      <dd className="border-t border-line pt-3 text-right text-lg font-medium">{money(totals.total, locale)}</dd>
      {totals.tax_included && (
        <div className="contents text-sm text-soft">
          <dt>of which tax</dt>
          <dd className="text-right">{money(totals.tax, locale)}</dd>
        </div>
      )}
    </dl>
  );
}
