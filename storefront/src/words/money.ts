import type { components } from "@/api/schema";
import { EXCEPTIONS } from "./minor-digits.ts";

export type Money = components["schemas"]["Price"];

/**
 * How many digits of an amount are the minor unit's: 2 for euros, 0 for yen. By the shop's own table: those of Node and
 * of browsers differ from each other, and from what is charged.
 */
export function minorDigits(currency: string): number {
  return EXCEPTIONS[currency] ?? 2;
}

/** An amount as programs read it, in major units with a dot: 1990 EUR is "19.90". */
export function decimal({ amount, currency }: Money): string {
  const digits = minorDigits(currency);
  return (amount / 10 ** digits).toFixed(digits);
}

/** An amount in minor units, as people of the locale write it: 1990 EUR is "€19.90". */
export function money({ amount, currency }: Money, locale: string): string {
  const digits = minorDigits(currency);
  const format = new Intl.NumberFormat(locale, { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits });
  return format.format(amount / 10 ** digits);
}
