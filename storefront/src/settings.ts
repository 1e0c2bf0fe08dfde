/** Who sells. Empty: not filled in. */
export interface Merchant {
  name: string;
  street: string;
  postal_code: string;
  city: string;
  represented_by: string;
  register_entry: string;
  vat_id: string;
  email: string;
  phone: string;
  /** How many days goods may be sent back. */
  return_days: number;
}

const NOBODY: Merchant = {
  name: "", street: "", postal_code: "", city: "", represented_by: "", register_entry: "", vat_id: "", email: "", phone: "",
  return_days: 14,
};

/** Settings of the storefront's server, from environment variables; the defaults fit a shop on this machine. */
export interface Settings {
  host: string;
  port: number;
  /** Where the API answers the server's own calls: the gateway's listener for the edge. */
  apiUrl: string;
  /** What that listener demands; empty when the public listener is used. */
  edgeSecret: string;
  /** The cache that keeps the pages; empty: there is none. */
  edgeUrl: string;
  /** Where the word stands by which that cache knows who may empty it. */
  purgeSecretFile: string;
  /** The shop as its customers see it: scheme, host and port. */
  siteUrl: string;
  shopName: string;
  /** BCP 47: how money and dates are written. */
  locale: string;
  currency: string;
  /** ISO 3166-1 alpha-2: where an address is most likely. */
  country: string;
  /** The card processor's origin: its form is the only foreign frame, in the checkout alone. */
  cardOrigin: string;
  merchant: Merchant;
}

export function settings(): Settings {
  const env = process.env;
  return {
    host: env.BODEGA_STOREFRONT_HOST ?? "127.0.0.1",
    port: Number(env.BODEGA_STOREFRONT_PORT ?? 7113),
    apiUrl: env.BODEGA_STOREFRONT_API_URL ?? "http://127.0.0.1:8080",
    edgeSecret: env.BODEGA_STOREFRONT_EDGE_SECRET ?? "",
    edgeUrl: env.BODEGA_STOREFRONT_EDGE_URL ?? "",
    purgeSecretFile: env.BODEGA_STOREFRONT_PURGE_SECRET_FILE ?? "",
    siteUrl: env.BODEGA_STOREFRONT_SITE_URL ?? "http://127.0.0.1:8000",
    shopName: env.BODEGA_STOREFRONT_SHOP_NAME ?? "Bodega",
    locale: env.BODEGA_STOREFRONT_LOCALE ?? "en",
    currency: env.BODEGA_STOREFRONT_CURRENCY ?? "EUR",
    country: env.BODEGA_STOREFRONT_COUNTRY ?? "DE",
    cardOrigin: env.BODEGA_STOREFRONT_CARD_ORIGIN ?? "http://127.0.0.1:7080",
    merchant: { ...NOBODY, ...(JSON.parse(env.BODEGA_STOREFRONT_MERCHANT ?? "{}") as Partial<Merchant>) },
  };
}
