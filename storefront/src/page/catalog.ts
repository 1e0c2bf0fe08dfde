import "server-only";
import { api } from "@/api/server";
import type { components } from "@/api/schema";
import { sources } from "./sources";

/** A page of the list of all products' addresses; undefined, if there is none behind this cursor. */
export async function addressesFrom(cursor: string | undefined): Promise<components["schemas"]["Page_ProductAddress_"] | undefined> {
  const { data, response } = await api.GET("/catalog/addresses", { params: { query: { cursor } } });
  sources.getStore()?.tellsOfAllProducts();
  if (!data && response.status !== 400) throw new Error(`${response.status} for the addresses of all products`);
  return data;
}
