import type { components } from "@/api/schema";

export type Money = components["schemas"]["Price"];

/** How many digits of an amount are the minor unit's: 2 for euros, 0 for yen. */
export function minorDigits(currency: string): number {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

/** An amount in minor units, as people of the locale write it: 1990 EUR is "€19.90". */
export function money({ amount, currency }: Money, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "currency", currency }).format(amount / 10 ** minorDigits(currency));
}
