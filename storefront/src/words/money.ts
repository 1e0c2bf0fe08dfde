import type { components } from "@/api/schema";

export type Money = components["schemas"]["Price"];

/** How many digits of an amount are the minor unit's: 2 for euros, 0 for yen. */
export function minorDigits(currency: string): number {
  return digitsOf(formatOf("en", currency));
}

/** An amount in minor units, as people of the locale write it: 1990 EUR is "€19.90". */
export function money({ amount, currency }: Money, locale: string): string {
  const format = formatOf(locale, currency);
  return format.format(amount / 10 ** digitsOf(format));
}

const formatOf = (locale: string, currency: string) => new Intl.NumberFormat(locale, { style: "currency", currency });
const digitsOf = (format: Intl.NumberFormat) => format.resolvedOptions().maximumFractionDigits ?? 2;
