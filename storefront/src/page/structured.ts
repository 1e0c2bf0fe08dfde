import type { components } from "@/api/schema";
import { settings } from "@/settings";
import { decimal } from "@/words/money";
import { gtinOf } from "./gtin";

type Schemas = components["schemas"];
type Product = Schemas["ProductView"];
type Variant = Product["variants"][number];
type Data = Record<string, unknown>;

const absolute = (path: string) => new URL(path, settings().siteUrl).href;

/** The addresses of a product's pictures, largest rendition first known, those of one variant first. */
export function picturesOf(product: Product, sku?: string): string[] {
  const media = product.media ?? [];
  const rank = (skus: string[] = []) => (sku && skus.includes(sku) ? 0 : skus.length ? 2 : 1);
  return [...media]
    .sort((one, other) => rank(one.variant_skus) - rank(other.variant_skus))
    .flatMap(({ renditions = {} }) => {
      const path = renditions["w1200.jpg"] ?? renditions["w640.jpg"];
      return path ? [absolute(`/media/${path}`)] : [];
    });
}

/** A product for search engines: one thing, or a group of variants. `stock`, `sent`: undefined if not known. */
export function productData(product: Product, stock: ReadonlySet<string> | undefined, sent: Schemas["Delivery"] | undefined): Data {
  const common = {
    name: product.title,
    description: product.description || undefined,
    brand: product.brand ? { "@type": "Brand", name: product.brand } : undefined,
    url: absolute(`/products/${product.slug}`),
  };
  const [only, ...others] = product.variants;
  if (only && !others.length) return { "@type": "Product", ...common, ...variantData(product, only, stock, sent) };
  return {
    "@type": "ProductGroup",
    ...common,
    image: picturesOf(product),
    productGroupID: product.id,
    hasVariant: product.variants.map((variant) => ({
      "@type": "Product",
      name: nameOf(product, variant),
      description: common.description,
      ...variantData(product, variant, stock, sent),
    })),
  };
}

/** A variant's name where it stands alone: "Alba Stoneware Mug, Sage, 350 ml". */
export function nameOf(product: Product, variant: Variant): string {
  return [product.title, ...Object.values(variant.options ?? {})].join(", ");
}

/** Where a variant is bought. */
export function addressOf(product: Product, variant: Variant): string {
  const query = product.variants.length > 1 ? `?variant=${encodeURIComponent(variant.sku)}` : "";
  return absolute(`/products/${product.slug}${query}`);
}

function variantData(product: Product, variant: Variant, stock: ReadonlySet<string> | undefined, sent: Schemas["Delivery"] | undefined): Data {
  return {
    sku: variant.sku,
    gtin: gtinOf(variant.barcode),
    image: picturesOf(product, variant.sku),
    weight: variant.weight_grams ? { "@type": "QuantitativeValue", value: variant.weight_grams, unitCode: "GRM" } : undefined,
    offers: {
      "@type": "Offer",
      url: addressOf(product, variant),
      price: decimal(variant.price),
      priceCurrency: variant.price.currency,
      availability: stock && `https://schema.org/${stock.has(variant.sku) ? "InStock" : "OutOfStock"}`,
      itemCondition: "https://schema.org/NewCondition",
      shippingDetails: sent?.options.length ? sent.options.map((option) => shippingData(sent.country, option, variant.price)) : undefined,
      hasMerchantReturnPolicy: returnPolicy(),
    },
  };
}

function shippingData(country: string, option: Schemas["DeliveryOption"], price: Schemas["Price"]): Data {
  const isFree = option.free_from && option.free_from.currency === price.currency && price.amount >= option.free_from.amount;
  return {
    "@type": "OfferShippingDetails",
    shippingLabel: option.name,
    shippingRate: { "@type": "MonetaryAmount", value: decimal(isFree ? { ...option.price, amount: 0 } : option.price), currency: option.price.currency },
    shippingDestination: { "@type": "DefinedRegion", addressCountry: country },
    deliveryTime: {
      "@type": "ShippingDeliveryTime",
      // What is ordered before the carrier calls leaves on the same working day, all else on the next.
      handlingTime: { "@type": "QuantitativeValue", minValue: 0, maxValue: 1, unitCode: "DAY" },
      transitTime: { "@type": "QuantitativeValue", minValue: option.first_day, maxValue: option.last_day, unitCode: "DAY" },
    },
  };
}

function returnPolicy(): Data {
  const { merchant, country } = settings();
  return {
    "@type": "MerchantReturnPolicy",
    applicableCountry: country,
    returnPolicyCountry: country,
    returnPolicyCategory: "https://schema.org/MerchantReturnFiniteReturnWindow",
    merchantReturnDays: merchant.return_days,
    returnMethod: "https://schema.org/ReturnByMail",
    returnFees: "https://schema.org/ReturnFeesCustomerResponsibility",
  };
}

/** Who runs the shop; what the merchant has not filled in is left out. */
export function organization(): Data {
  const { shopName, siteUrl, country, merchant } = settings();
  const { street, postal_code, city } = merchant;
  return {
    "@type": "OnlineStore",
    "@id": `${siteUrl}/#organization`,
    name: shopName,
    legalName: merchant.name || undefined,
    url: absolute("/"),
    logo: absolute("/icon.png"),
    email: merchant.email || undefined,
    telephone: merchant.phone || undefined,
    vatID: merchant.vat_id || undefined,
    address: street && city
      ? { "@type": "PostalAddress", streetAddress: street, postalCode: postal_code || undefined, addressLocality: city, addressCountry: country }
      : undefined,
    hasMerchantReturnPolicy: returnPolicy(),
  };
}

/** The site, and how it is searched. */
export function website(): Data {
  const { shopName, siteUrl } = settings();
  return {
    "@type": "WebSite",
    "@id": `${siteUrl}/#website`,
    name: shopName,
    url: absolute("/"),
    publisher: { "@id": `${siteUrl}/#organization` },
    potentialAction: {
      "@type": "SearchAction",
      target: { "@type": "EntryPoint", urlTemplate: `${absolute("/search")}?q={search_term_string}` },
      "query-input": "required name=search_term_string",
    },
  };
}
