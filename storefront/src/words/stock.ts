import type { components } from "@/api/schema";

/** What is left of SKUs, by SKU. */
export type Stock = ReadonlyMap<string, components["schemas"]["StockView"]>;

/** Up to so many pieces, it is said how many are left. Not more than the edge's purger counts (FEW in bodega.edge.purger). */
export const FEW = 5;

/** How many pieces of a product can be had, its variants together. Null: more than shoppers are told. */
export function leftOf(skus: string[], stock: Stock): number | null {
  return skus.reduce<number | null>((sum, sku) => {
    const { in_stock, available } = stock.get(sku) ?? { in_stock: false, available: 0 };
    return sum === null || (in_stock && available === null) ? null : sum + (available ?? 0);
  }, 0);
}
