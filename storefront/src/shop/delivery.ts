"use client";
import { useEffect, useState } from "react";
import { api, type Schemas } from "@/api/browser";

/** How goods of a weight are sent within the shop's country, asked for now: it changes by the clock. Undefined until it is known. */
export function useDelivery(grams: number): Schemas["Delivery"] | undefined {
  const [sent, setSent] = useState<Schemas["Delivery"]>();
  useEffect(() => {
    let isGone = false;
    api.GET("/shipping/options", { params: { query: { grams } } }).then(
      ({ data }) => !isGone && data && setSent(data),
      () => undefined, // nothing is said of it then
    );
    return () => {
      isGone = true;
    };
  }, [grams]);
  return sent;
}
