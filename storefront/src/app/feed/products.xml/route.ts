import { api, inStock } from "@/api/server";
import type { components } from "@/api/schema";
import { worldwideGtinOf } from "@/page/gtin";
import { sources } from "@/page/sources";
import { addressOf, nameOf, picturesOf } from "@/page/structured";
import { textOf } from "@/page/text";
import { element, xmlAnswer } from "@/page/xml";
import { settings } from "@/settings";
import { decimal } from "@/words/money";

export const dynamic = "force-dynamic";

type Product = components["schemas"]["ProductView"];

/** The product feed for shopping services: RSS 2.0 with Google's attributes, an item for each variant. */
export async function GET(): Promise<Response> {
  const { shopName, siteUrl } = settings();
  const categories = (await api.GET("/categories")).data?.items ?? [];
  const titles = new Map(categories.map(({ slug, title }) => [slug, title]));
  const items: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const { data, response } = await api.GET("/catalog/products", { params: { query: { cursor } } });
    if (!data) throw new Error(`${response.status} for the whole catalog`);
    const stock = await inStock(data.items.flatMap(({ variants }) => variants.map(({ sku }) => sku)));
    // A feed that leaves a product out, or guesses at its stock, has it taken off the market for days.
    if (!stock) return new Response("The stock cannot be read just now.\n", { status: 503, headers: { "Retry-After": "60" } });
    items.push(...data.items.flatMap((product) => itemsOf(product, stock, titles)));
    cursor = data.next_cursor;
  }
  sources.getStore()?.tellsOfAllProducts();
  const channel = [element("title", shopName), element("link", siteUrl), element("description", `All products of ${shopName}`), ...items];
  return xmlAnswer(`<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">\n<channel>\n${channel.join("\n")}\n</channel>\n</rss>`);
}

function itemsOf(product: Product, stock: ReadonlySet<string>, categories: Map<string, string>): string[] {
  const description = (textOf(product.description_html ?? "") || product.title).slice(0, 5000);
  const kind = product.categories?.map((slug) => categories.get(slug)).find(Boolean);
  return product.variants.map((variant) => {
    const { sku, price, compare_at_price: before, barcode, weight_grams, options = {} } = variant;
    const [image, ...more] = picturesOf(product, sku);
    const gtin = worldwideGtinOf(barcode);
    const written = (money: typeof price) => `${decimal(money)} ${money.currency}`;
    return [
      "<item>",
      element("g:id", sku),
      element("g:title", nameOf(product, variant).slice(0, 150)),
      element("g:description", description),
      element("g:link", addressOf(product, variant)),
      element("g:image_link", image),
      ...more.slice(0, 10).map((address) => element("g:additional_image_link", address)),
      element("g:availability", stock.has(sku) ? "in_stock" : "out_of_stock"),
      element("g:price", written(before ?? price)),
      element("g:sale_price", before ? written(price) : undefined),
      element("g:brand", product.brand),
      gtin ? element("g:gtin", gtin) : element("g:identifier_exists", "no"),
      element("g:condition", "new"),
      element("g:item_group_id", product.variants.length > 1 ? product.id : undefined),
      element("g:product_type", kind),
      ...["color", "size", "material", "pattern"].map((name) => element(`g:${name}`, valueOf(options, name))),
      element("g:shipping_weight", weight_grams ? `${weight_grams} g` : undefined),
      "</item>",
    ].join("");
  });
}

/** The value of an option by its usual name, however the merchant writes it. */
function valueOf(options: Record<string, string>, name: string): string | undefined {
  const spellings = name === "color" ? ["color", "colour"] : [name];
  return Object.entries(options).find(([option]) => spellings.includes(option.toLowerCase()))?.[1];
}
