import Link from "next/link";
import type { ReactNode } from "react";
import type { components } from "@/api/schema";
import { FEW } from "@/words/stock";
import { Picture, Unpictured } from "./picture";
import { Price } from "./price";

type Hit = components["schemas"]["ProductHit"];
export type Card = Pick<Hit, "slug" | "title" | "brand" | "price" | "price_to" | "compare_at_price" | "image" | "skus"> &
  Partial<Pick<Hit, "in_stock">> & {
    /** How many pieces are left; null: more than shoppers are told. Undefined: not known. */
    left?: number | null | undefined;
  };

/** The catalog lists products in its own words, the search in its own: this makes a card of the catalog's. */
export function cardOf({ price_from, ...rest }: components["schemas"]["ProductSummary"]): Card {
  return { ...rest, price: price_from };
}

/** A product in a list; the whole card leads to it. `eager`: it is in view at once. */
export function ProductCard({ product, locale, eager = false }: { product: Card; locale: string; eager?: boolean }) {
  const { slug, title, brand, price, price_to, compare_at_price, image, in_stock = true, left } = product;
  const isSoldOut = left === undefined ? !in_stock : left === 0;
  return (
    <article className="group relative">
      <div className="aspect-square overflow-hidden rounded-2xl bg-sand">
        {image ? (
          <Picture
            renditions={image.renditions}
            alt={image.alt}
            sizes="(min-width: 64rem) 17rem, (min-width: 40rem) 30vw, 46vw"
            eager={eager}
            className="size-full object-cover transition-transform duration-300 group-hover:scale-[1.03]"
          />
        ) : <Unpictured className="size-full" />}
      </div>
      <div className="mt-3">
        <h3 className="leading-snug font-medium">
          <Link href={`/products/${slug}`} prefetch={false} className="after:absolute after:inset-0">
            {title}
          </Link>
        </h3>
        <p className="text-sm text-soft">{brand || " "}</p>
        <Price price={price} upTo={price_to} before={compare_at_price} locale={locale} />
      </div>
      {isSoldOut && <StockMark>Sold out</StockMark>}
      {!isSoldOut && typeof left === "number" && left <= FEW && <StockMark>Only {left} left</StockMark>}
    </article>
  );
}

/** On the picture, so that all cards are of one height. */
function StockMark({ children }: { children: ReactNode }) {
  return <p className="absolute top-2 left-2 rounded-full bg-paper px-3 py-1 text-sm font-medium">{children}</p>;
}

const COLUMNS = {
  /** As many as the page is wide. */
  page: "grid-cols-2 sm:grid-cols-3 lg:grid-cols-4",
  /** A single line of at most four where there is room for them. */
  row: "grid-cols-2 sm:grid-cols-4",
  drawer: "grid-cols-2",
};

interface Grid {
  products: Card[];
  locale: string;
  eager?: number;
  columns?: keyof typeof COLUMNS;
}

export function ProductGrid({ products, locale, eager = 0, columns = "page" }: Grid) {
  return (
    <ul className={`grid gap-x-4 gap-y-8 ${COLUMNS[columns]}`}>
      {products.map((product, index) => (
        <li key={product.slug}>
          <ProductCard product={product} locale={locale} eager={index < eager} />
        </li>
      ))}
    </ul>
  );
}
