import { addressesFrom } from "@/page/catalog";
import { element, xmlAnswer } from "@/page/xml";
import { settings } from "@/settings";

export const dynamic = "force-dynamic";

/** The index of the site map: the pages, and a part for every few thousand products. */
export async function GET(): Promise<Response> {
  const { siteUrl } = settings();
  const parts = ["pages.xml"];
  for (let cursor: string | null | undefined = ""; typeof cursor === "string"; ) {
    parts.push(`products/${cursor || "first"}.xml`);
    cursor = (await addressesFrom(cursor || undefined))?.next_cursor;
  }
  const entries = parts.map((part) => `<sitemap>${element("loc", `${siteUrl}/sitemap/${part}`)}</sitemap>`);
  return xmlAnswer(`<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${entries.join("\n")}\n</sitemapindex>`);
}
