import type { components } from "@/api/schema";

export type Money = components["schemas"]["Price"];

/** An amount in minor units, as people of the locale write it: 1990 EUR is "€19.90". */
export function money({ amount, currency }: Money, locale: string): string {
  const format = new Intl.NumberFormat(locale, { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}
