import "server-only";
import { type Card, cardOf } from "@/components/product-card";
import { leftOf } from "@/words/stock";
import type { components, operations } from "./schema";
import { api, ApiUnavailable, live, stockOf, withoutIt } from "./server";

type Schemas = components["schemas"];
type Hit = Schemas["ProductHit"];
type Left = Pick<Card, "left">;
type Query = NonNullable<operations["search_products_search_get"]["parameters"]["query"]>;

/** How many products stand in a row of suggestions: all that fit into a line of the widest grid. */
const IN_A_ROW = 4;
/** Among how many products of a category the nearest are looked for, and of the same brand. */
const CANDIDATES = 24;
const OF_ITS_BRAND = 12;

/** Products with what is left of them; as they are, if inventory cannot be asked. */
export async function withStock<Product extends Card>(products: Product[]): Promise<(Product & Left)[]> {
  const stock = await stockOf(products.flatMap(({ skus }) => skus));
  return stock ? products.map((product) => ({ ...product, left: leftOf(product.skus, stock) })) : products;
}

/** Other products of a product's category that can be had now, the nearest first. None, if the search cannot be asked. */
export async function relatedTo(product: Schemas["ProductView"]): Promise<Card[]> {
  const [category] = product.categories ?? [];
  if (!category) return [];
  const questions: Query[] = [{ category: [category], limit: CANDIDATES }];
  if (product.brand) questions.push({ category: [category], brand: [product.brand], limit: OF_ITS_BRAND });
  return offered(questions, (hits) => nearestTo(product, hits));
}

/** What can be had now, for a page that has nothing else to show. None, if the search cannot be asked. */
export async function goods(): Promise<Card[]> {
  return offered([{ limit: 2 * IN_A_ROW }], (hits) => hits);
}

/**
 * A row of what the search finds in stock. It only chooses: what is shown comes from the catalog and from inventory, so
 * that the page needs no other keys than those of the products in the row.
 */
async function offered(questions: Query[], choose: (hits: Hit[]) => Hit[]): Promise<Card[]> {
  try {
    const hits = await Promise.all(questions.map(found));
    const chosen = (await withStock(choose(hits.flat()))).filter(({ left }) => left !== 0).slice(0, IN_A_ROW);
    if (!chosen.length) return [];
    const { data, response } = await api.GET("/products", { params: { query: { ids: chosen.map(({ id }) => id).join(",") } } });
    if (!data) throw new ApiUnavailable(`${response.status} of /products`);
    const left = new Map(chosen.map((hit) => [hit.id, hit.left]));
    return data.items.map((product) => ({ ...cardOf(product), left: left.get(product.id) }));
  } catch (error) {
    return withoutIt(error) ?? [];
  }
}

async function found(query: Query): Promise<Hit[]> {
  const { data, response } = await live.GET("/search", { params: { query: { ...query, in_stock: true } } });
  if (!data) throw new ApiUnavailable(`${response.status} of /search`);
  return data.items;
}

/** Those of the same brand, categories and words in the title first; of equally near ones, those that cost about the same. */
function nearestTo(product: Schemas["ProductView"], hits: Hit[]): Hit[] {
  const words = wordsOf(product.title);
  const categories = new Set(product.categories);
  const price = Math.min(...product.variants.map((variant) => variant.price.amount));
  const nearness = (hit: Hit) =>
    (hit.brand && hit.brand === product.brand ? 2 : 0) +
    hit.categories.filter((slug) => categories.has(slug)).length +
    [...wordsOf(hit.title)].filter((word) => words.has(word)).length;
  const distance = (hit: Hit) => Math.abs(Math.log((hit.price.amount + 1) / (price + 1)));
  return [...new Map(hits.map((hit) => [hit.id, hit])).values()]
    .filter(({ id }) => id !== product.id)
    .sort((one, other) => nearness(other) - nearness(one) || distance(one) - distance(other));
}

function wordsOf(title: string): Set<string> {
  return new Set(title.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word.length > 2));
}
