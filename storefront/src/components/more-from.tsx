"use client";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/browser";
import { locale } from "@/shop/locale";
import { type Card, cardOf, ProductGrid } from "./product-card";

/**
 * Other products of the category, asked for when the shopper comes near them. They are not part of the page: it would
 * have to be made anew whenever one of their prices changes.
 */
export function MoreFrom({ category, except }: { category: { slug: string; title: string }; except: string }) {
  const place = useRef<HTMLElement>(null);
  const [products, setProducts] = useState<Card[]>();
  useEffect(() => {
    const watch = new IntersectionObserver(
      async ([entry]) => {
        if (!entry?.isIntersecting) return;
        watch.disconnect();
        const query = { category: category.slug, limit: 5 };
        const { data } = await api.GET("/products", { params: { query } }).catch(() => ({ data: undefined }));
        const others = data?.items.filter(({ id }) => id !== except).slice(0, 4) ?? [];
        setProducts(others.map(cardOf));
      },
      { rootMargin: "400px" },
    );
    if (place.current) watch.observe(place.current);
    return () => watch.disconnect();
  }, [category.slug, except]);
  return (
    <section ref={place} aria-labelledby="more" className="mt-20 min-h-80">
      <h2 id="more" className="font-serif text-2xl">
        More in <a className="link" href={`/categories/${category.slug}`}>{category.title}</a>
      </h2>
      <div className="mt-6">{products && <ProductGrid products={products} locale={locale()} />}</div>
    </section>
  );
}
