import { api } from "@/api/server";
import { urlset } from "@/page/sitemap";
import { SERVICE_PAGES } from "@/service/pages";

export const dynamic = "force-dynamic";

/** The part of the site map with the first page, the categories, and the legal and service pages. */
export async function GET(): Promise<Response> {
  const categories = (await api.GET("/categories")).data?.items ?? [];
  return urlset([
    { path: "/" },
    ...categories.map(({ slug }) => ({ path: `/categories/${slug}` })),
    ...Object.keys(SERVICE_PAGES).map((slug) => ({ path: `/${slug}` })),
  ]);
}
