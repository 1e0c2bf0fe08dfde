import type { Metadata } from "next";
import Link from "next/link";
import { notFound, permanentRedirect } from "next/navigation";
import { cache } from "react";
import { relatedTo } from "@/api/goods";
import { api, delivery, inStock, tax } from "@/api/server";
import { Breadcrumbs } from "@/components/breadcrumbs";
import { Row } from "@/components/offers";
import { address } from "@/components/picture";
import { PriceNote } from "@/components/price-note";
import { ProductView } from "@/components/product-view";
import { StructuredData } from "@/components/structured-data";
import { productData } from "@/page/structured";
import { settings } from "@/settings";

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
  const { locale } = settings();
  const [categorySlug] = product.categories ?? [];
  const categories = (await api.GET("/categories")).data?.items ?? [];
  const category = categories.find(({ slug }) => slug === categorySlug);
  const [stock, sent, related, taxed] = await Promise.all([
    inStock(product.variants.map(({ sku }) => sku)),
    delivery(Math.max(...product.variants.map(({ weight_grams }) => weight_grams ?? 0))),
    relatedTo(product),
    tax(),
  ]);
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
        priceNote={<PriceNote tax={taxed} className="mt-1" />}
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
      {category && (
        <Row
          id="more"
          heading={<>More in <Link className="link" prefetch={false} href={`/categories/${category.slug}`}>{category.title}</Link></>}
          products={related}
        />
      )}
      <StructuredData data={productData(product, stock, sent)} />
    </article>
  );
}
