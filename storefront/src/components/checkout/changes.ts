import type { Schemas } from "@/api/browser";
import { money } from "@/words/money";

type Quote = Schemas["Quote"];
type Line = Quote["lines"][number];

/** What the shopper did not ask for and what changes the price: unit prices, and delivery by the same way. */
export function priceChanges(shown: Quote, now: Quote, locale: string): string[] {
  const sentences = now.lines.flatMap((line) => {
    const before = shown.lines.find(({ sku }) => sku === line.sku);
    if (!before || unit(before) === unit(line)) return [];
    return [`“${line.title}” is now ${each(line, locale)} (was ${each(before, locale)}).`];
  });
  const [before, after] = [shown, now].map(({ shipping_options: options }) => options.find(({ id }) => id === shown.shipping_option)?.price);
  const isSameParcel = shown.lines.length === now.lines.length && shown.lines.every(({ sku, quantity }) => now.lines.some((line) => line.sku === sku && line.quantity === quantity));
  if (isSameParcel && now.shipping_option === shown.shipping_option && before && after && before.amount !== after.amount) {
    sentences.push(`Delivery is now ${money(after, locale)} (was ${money(before, locale)}).`);
  }
  return sentences;
}

/** What has come into the cart, left it, or is wanted in another number, perhaps from another device. */
export function contentChanges(shown: Quote, now: Quote): string[] {
  const came = now.lines.flatMap(({ sku, title, quantity }) => {
    const before = shown.lines.find((line) => line.sku === sku);
    if (!before) return [`“${title}” was added to your cart.`];
    return before.quantity === quantity ? [] : [`Your order now has ${quantity} of “${title}” instead of ${before.quantity}.`];
  });
  const left = shown.lines.filter(({ sku }) => !now.lines.some((line) => line.sku === sku));
  return [...came, ...left.map(({ title }) => `“${title}” is not in your cart any more.`)];
}

export function totalChange(shown: Quote, now: Quote, locale: string): string {
  const [before, after] = [shown.totals.total, now.totals.total];
  if (before.amount === after.amount) return `The total is still ${money(after, locale)}.`;
  return `The total is now ${money(after, locale)} (was ${money(before, locale)}).`;
}

const unit = ({ total, quantity }: Line): number => total.amount / quantity;
const each = (line: Line, locale: string): string => money({ ...line.total, amount: unit(line) }, locale);
