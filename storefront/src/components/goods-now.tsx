"use client";
import { useEffect, useState } from "react";
import { api } from "@/api/browser";
import { locale } from "@/shop/locale";
import { leftOf } from "@/words/stock";
import { type Card, ProductGrid } from "./product-card";

const MOST = 4;

/** What can be had now, for a cart that is empty: asked for when it is, and nothing at all if it cannot be asked. */
export default function GoodsNow({ columns }: { columns: "row" | "drawer" }) {
  const [products, setProducts] = useState<Card[]>([]);
  useEffect(() => {
    let isGone = false;
    find().then(
      (found) => !isGone && setProducts(found),
      () => undefined, // the cart says that it is empty, and that is enough
    );
    return () => {
      isGone = true;
    };
  }, []);
  if (!products.length) return null;
  return (
    <section aria-labelledby="goods-now" className="pb-6 text-left">
      <h2 id="goods-now" className="mb-4 font-serif text-2xl">You might like</h2>
      <ProductGrid products={products} locale={locale()} columns={columns} />
    </section>
  );
}

async function find(): Promise<Card[]> {
  const { data: found } = await api.GET("/search", { params: { query: { in_stock: true, limit: 2 * MOST } } });
  const skus = found?.items.flatMap((product) => product.skus) ?? [];
  if (!found || !skus.length) return [];
  const { data: stock } = await api.GET("/inventory", { params: { query: { skus: skus.slice(0, 100).join(",") } } });
  if (!stock) return [];
  const known = new Map(stock.items.map((each) => [each.sku, each]));
  return found.items
    .map((product) => ({ ...product, left: leftOf(product.skus, known) }))
    .filter(({ left }) => left !== 0)
    .slice(0, MOST);
}
