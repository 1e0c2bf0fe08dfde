import type { Metadata } from "next";
import { notFound, permanentRedirect } from "next/navigation";
import { cache } from "react";
import { api } from "@/api/server";
import { Breadcrumbs } from "@/components/breadcrumbs";
import { MoreFrom } from "@/components/more-from";
import { address } from "@/components/picture";
import { ProductView } from "@/components/product-view";
import { settings } from "@/settings";
import { minorDigits } from "@/words/money";

interface Props {
  params: Promise<{ slug: string }>;
}

const findProduct = cache(async (slug: string) => {
  const { data, response } = await api.GET("/products/{product_ref}", { params: { path: { product_ref: slug } } });
  if (!data) {
    if (response.status === 404 || response.status === 422) notFound();
    throw new Error(`${response.status} for the product ${slug}`);
  }
  if (data.slug !== slug) permanentRedirect(`/products/${data.slug}`);
  return data;
});

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const product = await findProduct((await params).slug);
  const picture = product.media?.[0];
  const image = picture && address(picture.renditions ?? {}, "jpg", 1200);
  const description = product.seo?.description || product.description?.split("\n")[0]?.slice(0, 160);
  return {
    title: product.seo?.title || product.title,
    description,
    alternates: { canonical: `/products/${product.slug}` },
    openGraph: { title: product.title, description, images: image ? [image] : [] },
  };
}

export default async function ProductPage({ params }: Props) {
  const product = await findProduct((await params).slug);
  const { siteUrl, locale } = settings();
  const [categorySlug] = product.categories ?? [];
  const categories = (await api.GET("/categories")).data?.items ?? [];
  const category = categories.find(({ slug }) => slug === categorySlug);
  const prices = product.variants.map(({ price }) => price.amount);
  const picture = product.media?.[0];
  const image = picture && address(picture.renditions ?? {}, "jpg", 1200);
  const data = {
    "@context": "https://schema.org",
    "@type": "Product",
    name: product.title,
    description: product.description,
    brand: product.brand ? { "@type": "Brand", name: product.brand } : undefined,
    image: image && new URL(image, siteUrl).href,
    url: `${siteUrl}/products/${product.slug}`,
    offers: {
      "@type": "AggregateOffer",
      priceCurrency: product.variants[0]?.price.currency,
      lowPrice: inUnits(Math.min(...prices), product.variants[0]?.price.currency ?? "EUR"),
      highPrice: inUnits(Math.max(...prices), product.variants[0]?.price.currency ?? "EUR"),
      offerCount: prices.length,
    },
  };
  return (
    <article className="wrap">
      <Breadcrumbs
        trail={[
          { href: "/", label: "Home" },
          ...(category ? [{ href: `/categories/${category.slug}`, label: category.title }] : []),
          { href: `/products/${product.slug}`, label: product.title },
        ]}
      />
      <ProductView
        product={{ id: product.id, slug: product.slug, title: product.title, options: product.options ?? [] }}
        variants={product.variants.map((variant) => ({ ...variant, options: variant.options ?? {} }))}
        media={product.media ?? []}
        locale={locale}
        heading={
          <>
            {product.brand && <p className="text-soft">{product.brand}</p>}
            <h1 className="title mt-1">{product.title}</h1>
          </>
        }
      >
        {product.description_html && (
          <div className="prose-shop mt-10 border-t border-line pt-8" dangerouslySetInnerHTML={{ __html: product.description_html }} />
        )}
      </ProductView>
      {category && <MoreFrom category={category} except={product.id} />}
      <script type="application/ld+json" dangerouslySetInnerHTML={{ __html: JSON.stringify(data).replaceAll("<", "\\u003c") }} />
    </article>
  );
}

/** Schema.org wants a plain decimal in major units. */
function inUnits(amount: number, currency: string): string {
  const digits = minorDigits(currency);
  return (amount / 10 ** digits).toFixed(digits);
}
