import type { components } from "@/api/schema";
import { type Money, money } from "@/words/money";

interface Props {
  subtotal: Money;
  /** How the shop sends within its country; undefined: not known. */
  sent: components["schemas"]["Delivery"] | undefined;
  locale: string;
}

/** How much is missing until delivery is free, by the option that the checkout offers first. */
export function FreeDelivery({ subtotal, sent, locale }: Props) {
  const option = sent?.options[0];
  if (!option || !sent) return null;
  const from = option.price.amount ? option.free_from : { ...option.price, amount: 0 };
  if (!from || from.currency !== subtotal.currency) return null;
  const missing = from.amount - subtotal.amount;
  const country = new Intl.DisplayNames(locale, { type: "region" }).of(sent.country) ?? sent.country;
  return (
    <div className="mt-3 text-sm">
      <p className={missing > 0 ? "text-soft" : "text-good"}>
        {missing > 0 ? `${money({ ...from, amount: missing }, locale)} more for free delivery within ${country}.` : `Delivery within ${country} is free.`}
      </p>
      {missing > 0 && (
        // The sentence says it all; the bar is for the eye.
        <progress aria-hidden value={subtotal.amount} max={from.amount} className="mt-2 block h-1.5 w-full appearance-none overflow-hidden rounded-full bg-line [&::-moz-progress-bar]:bg-pine [&::-webkit-progress-bar]:bg-line [&::-webkit-progress-value]:bg-pine" />
      )}
    </div>
  );
}
