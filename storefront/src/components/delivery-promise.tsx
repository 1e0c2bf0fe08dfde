"use client";
import type { Schemas } from "@/api/browser";
import { useDelivery } from "@/shop/delivery";
import { days, isAhead, untilTime } from "@/words/dates";
import { type Money, money } from "@/words/money";

/** When something comes, and from which sum on delivery is free. */
export function DeliveryPromise({ price, grams, locale }: { price: Money | undefined; grams: number; locale: string }) {
  const sent = useDelivery(grams);
  const option = sent?.options[0];
  // The place is kept, so that nothing moves when the answer comes.
  return (
    <div className="mt-3 min-h-12 text-sm text-soft">
      {option && sent && (
        <>
          <p>
            {isAhead(sent.order_before) ? `Order by ${untilTime(sent.order_before, locale)}, arrives ` : "Arrives "}
            {days(option.promised_from, option.promised_to, locale)}.
          </p>
          {price && <p>{freeDelivery(option, price, locale)}</p>}
        </>
      )}
    </div>
  );
}

function freeDelivery({ price: usual, free_from: from }: Schemas["DeliveryOption"], price: Money, locale: string): string {
  if (!usual.amount || (from && from.currency === price.currency && price.amount >= from.amount)) return "Free delivery.";
  const cost = `Delivery ${money(usual, locale)}`;
  return from ? `${cost}, free on orders from ${money(from, locale)}.` : `${cost}.`;
}
