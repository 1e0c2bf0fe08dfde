import { type Money, money } from "@/words/money";

/** A price as shown in lists: the lowest of its variants, what it was before, and for whom cannot see the line through it. */
export function Price(props: { price: Money; upTo?: Money | null; before?: Money | null; locale: string }) {
  const { price, upTo, before, locale } = props;
  const shown = money(price, locale);
  return (
    <p className="flex flex-wrap items-baseline gap-x-2">
      <span className={before ? "font-medium text-clay" : "font-medium"}>
        {upTo && upTo.amount > price.amount ? `from ${shown}` : shown}
      </span>
      {before && (
        <s className="text-sm text-soft">
          <span className="sr-only">was </span>
          {money(before, locale)}
        </s>
      )}
    </p>
  );
}
