import type { Metadata } from "next";
import Link from "next/link";
import { withStock } from "@/api/goods";
import { api } from "@/api/server";
import { address, Picture, Unpictured } from "@/components/picture";
import { ProductGrid } from "@/components/product-card";
import { StructuredData } from "@/components/structured-data";
import { organization, website } from "@/page/structured";
import { settings } from "@/settings";

export const metadata: Metadata = { alternates: { canonical: "/" } };

export default async function Home() {
  const { locale } = settings();
  const [newest, categories] = await Promise.all([
    // The search knows what is in stock, and what is shown here must be.
    api.GET("/search", { params: { query: { limit: 12, sort: "newest", in_stock: true } } }),
    api.GET("/categories"),
  ]);
  const found = (await withStock(newest.data?.items ?? [])).filter(({ left }) => left !== 0);
  // A product without a picture is no opening; if none has one, the shop's mark stands there.
  const first = found.find(({ image }) => image && address(image.renditions, "jpg", 640));
  const products = found.filter((product) => product !== first).slice(0, 8);
  return (
    <>
      <StructuredData data={{ "@graph": [organization(), website()] }} />
      <section className="wrap grid items-center gap-8 py-8 lg:grid-cols-2 lg:gap-14 lg:py-14">
        <div>
          <h1 className="font-serif text-5xl leading-[1.05] sm:text-6xl">Things for the house, made to last.</h1>
          <p className="mt-5 max-w-md text-lg text-soft">
            Stoneware, linen, paper and light from small workshops. What you see is what you pay.
          </p>
          <p className="mt-8 flex flex-wrap gap-3">
            <Link className="button" prefetch={false} href="/search">Browse everything</Link>
            {first && <Link className="button-quiet" prefetch={false} href={`/products/${first.slug}`}>New: {first.title}</Link>}
          </p>
        </div>
        {first?.image ? (
          <Link href={`/products/${first.slug}`} prefetch={false} className="block aspect-square overflow-hidden rounded-3xl bg-sand">
            <Picture renditions={first.image.renditions} alt={first.image.alt || first.title} sizes="(min-width: 64rem) 34rem, 94vw" eager className="size-full object-cover" />
          </Link>
        ) : (
          <Unpictured className="hidden aspect-square rounded-3xl lg:flex" />
        )}
      </section>
      <section className="wrap mt-8" aria-labelledby="categories">
        <h2 id="categories" className="font-serif text-3xl">Shop by category</h2>
        <ul className="mt-6 grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
          {(categories.data?.items ?? []).map(({ slug, title, description }) => (
            <li key={slug}>
              <Link href={`/categories/${slug}`} prefetch={false} className="card block h-full p-6 transition-colors hover:border-ink">
                <h3 className="text-lg font-medium">{title}</h3>
                <p className="mt-1 text-soft">{description}</p>
              </Link>
            </li>
          ))}
        </ul>
      </section>
      {products.length > 0 && (
        <section className="wrap mt-16" aria-labelledby="new">
          <h2 id="new" className="font-serif text-3xl">New in the shop</h2>
          <div className="mt-6"><ProductGrid products={products} locale={locale} /></div>
        </section>
      )}
    </>
  );
}
