import "server-only";
import { settings } from "@/settings";
import { minorDigits } from "@/words/money";
import { api } from "./server";
import type { components } from "./schema";

/** The parameters of an address, several values of one name kept. */
export function asked(parameters: Record<string, string | string[] | undefined>): URLSearchParams {
  const result = new URLSearchParams();
  for (const [name, values] of Object.entries(parameters)) {
    for (const value of [values ?? []].flat()) if (value) result.append(name, value);
  }
  return result;
}

/**
 * Asks the search for what an address asks for. Prices stand in an address in major units, as people write them; the API
 * takes minor ones. Undefined: the address asks for something that the search refuses.
 */
export async function search(address: URLSearchParams, category?: string): Promise<components["schemas"]["SearchAnswer"] | undefined> {
  const wanted = new URLSearchParams(address);
  for (const name of ["price_min", "price_max"]) {
    const value = wanted.get(name);
    if (value !== null) wanted.set(name, String(Math.round(Number(value.replace(",", ".")) * 10 ** minorDigits(settings().currency))));
  }
  if (category) wanted.set("category", category);
  const query = [...new Set(wanted.keys())].map((name) => [name, wanted.getAll(name)] as const);
  const { data, response } = await api.GET("/search", {
    // Option filters (`color=…`) are named by the shop's products: no description can list them.
    params: { query: Object.fromEntries(query.map(([name, values]) => [name, values.length > 1 ? values : values[0]])) },
    querySerializer: { array: { style: "form", explode: true } },
  });
  if (!data && response.status >= 500) throw new Error(`the search answers ${response.status}`);
  return data;
}
