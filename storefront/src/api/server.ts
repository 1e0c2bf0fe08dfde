import "server-only";
import createClient, { type Middleware } from "openapi-fetch";
import { callHeaders } from "@/page/origin";
import { sources } from "@/page/sources";
import { settings } from "@/settings";
import type { Stock } from "@/words/stock";
import type { components, paths } from "./schema";

/** How long a page waits for one answer of the API, in milliseconds. */
const PATIENCE_MS = 8000;

/** The API could not be asked, or failed: the page cannot be made. */
export class ApiUnavailable extends Error {
  override name = "ApiUnavailable";
}

const asks: Middleware = {
  onRequest({ request }) {
    const page = sources.getStore();
    const forwarded = page?.request.headers["x-forwarded-for"];
    const headers = callHeaders(Array.isArray(forwarded) ? forwarded.join(", ") : forwarded);
    for (const [name, value] of Object.entries(headers)) request.headers.set(name, value);
    return new Request(request, { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
  },
};

const collects: Middleware = {
  onResponse({ response }) {
    if (response.status >= 500 || response.status === 429) {
      throw new ApiUnavailable(`${response.status} of ${new URL(response.url).pathname}`);
    }
    // What is missing or was asked for wrongly is nobody's own; how long that may be kept is the page's matter.
    if (![400, 404, 422].includes(response.status)) sources.getStore()?.add(response.headers);
  },
};

const isPersonal: Middleware = {
  onRequest() {
    const page = sources.getStore();
    if (page) page.personal = true;
  },
};

/** The API for server components that show the same to everybody. What is asked through it tags the page. */
export const api = createClient<paths>({ baseUrl: settings().apiUrl });
api.use(asks, collects);

/** The API for what a page shows nothing of, or may show only as `stockOf` says: it tags no page. */
export const live = createClient<paths>({ baseUrl: settings().apiUrl });
live.use(asks);
const SKUS_AT_ONCE = 100;

/**
 * What is left of SKUs. Stock is never kept by anybody, but a page that bears the keys of their products may say whether
 * there is any, and name a number up to `FEW`: the edge drops it when that changes. Undefined: inventory cannot be
 * asked; the page is made without it and not kept.
 */
export async function stockOf(skus: string[]): Promise<Stock | undefined> {
  const parts = Array.from({ length: Math.ceil(skus.length / SKUS_AT_ONCE) }, (_, part) =>
    skus.slice(part * SKUS_AT_ONCE, (part + 1) * SKUS_AT_ONCE),
  );
  try {
    const answers = await Promise.all(parts.map((part) => live.GET("/inventory", { params: { query: { skus: part.join(",") } } })));
    const found = answers.map(({ data, response }) => {
      if (!data) throw new ApiUnavailable(`${response.status} of /inventory`);
      return data.items;
    });
    return new Map(found.flat().map((each) => [each.sku, each]));
  } catch (error) {
    return withoutIt(error);
  }
}

/** Which SKUs are in stock; see `stockOf`. */
export async function inStock(skus: string[]): Promise<ReadonlySet<string> | undefined> {
  const stock = await stockOf(skus);
  return stock && new Set(skus.filter((sku) => stock.get(sku)?.in_stock));
}

/** How goods of a weight are sent within the shop's country. Undefined: shipping cannot be asked, see `stockOf`. */
export async function delivery(grams: number): Promise<components["schemas"]["Delivery"] | undefined> {
  try {
    const { data, response } = await live.GET("/shipping/options", { params: { query: { grams } } });
    if (!data) throw new ApiUnavailable(`${response.status} of /shipping/options`);
    return data;
  } catch (error) {
    return withoutIt(error);
  }
}

/** What the catalog's prices are in the shop's country. Undefined: checkout cannot be asked, see `stockOf`. */
export async function tax(): Promise<components["schemas"]["TaxView"] | undefined> {
  try {
    const { data, response } = await live.GET("/tax/{country}", { params: { path: { country: settings().country } } });
    if (!data) throw new ApiUnavailable(`${response.status} of /tax`);
    return data;
  } catch (error) {
    return withoutIt(error);
  }
}

/** Notes that a page is made without what could not be asked, so that nobody keeps it. */
export function withoutIt(error: unknown): undefined {
  if (!(error instanceof Error)) throw error;
  console.error(`a page is made without what could not be asked: ${error.message}`);
  const page = sources.getStore();
  if (page) page.lacks = true;
}

/** The API for a page that is one shopper's own: his cookies go along, and the page is kept by nobody. */
export function apiFor(cookie: string): typeof api {
  const personal = createClient<paths>({
    baseUrl: settings().apiUrl,
    headers: { Cookie: cookie, Origin: settings().siteUrl },
  });
  personal.use(asks, collects, isPersonal);
  return personal;
}
