import type { ReactNode } from "react";
import { goods } from "@/api/goods";
import { settings } from "@/settings";
import { type Card, ProductGrid } from "./product-card";

/** A row of products under a heading; nothing at all, if there are none. */
export function Row({ id, heading, products, className = "" }: { id: string; heading: ReactNode; products: Card[]; className?: string }) {
  if (!products.length) return null;
  return (
    <section aria-labelledby={id} className={`mt-16 text-left ${className}`}>
      <h2 id={id} className="font-serif text-2xl">{heading}</h2>
      <div className="mt-6"><ProductGrid products={products} locale={settings().locale} columns="row" /></div>
    </section>
  );
}

/** What can be had, where a page has come to an end: nobody has to turn back from there. */
export async function Goods() {
  return <Row id="goods" heading="You might like" products={await goods()} />;
}
