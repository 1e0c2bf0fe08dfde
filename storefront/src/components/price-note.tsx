import type { components } from "@/api/schema";

export type Tax = components["schemas"]["TaxView"];

/** What a price of the catalog includes for a shopper of the shop's country, and what comes on top. `tax`: undefined if not known. */
export function PriceNote({ tax, className = "" }: { tax: Tax | undefined; className?: string }) {
  const before = !tax?.rate ? "Plus" : tax.prices_include_tax ? "Incl. VAT, plus" : "Plus tax and";
  return <p className={`text-sm text-soft ${className}`}>{before} <a className="link" href="/shipping">shipping</a></p>;
}
