import { api } from "@/api/server";
import { urlset } from "@/page/sitemap";

export const dynamic = "force-dynamic";

/** The part of the site map with the first page and the categories. */
export async function GET(): Promise<Response> {
  const categories = (await api.GET("/categories")).data?.items ?? [];
  return urlset([{ path: "/" }, ...categories.map(({ slug }) => ({ path: `/categories/${slug}` }))]);
}
