import { settings } from "@/settings";
import { element, xmlAnswer } from "./xml";

/** A part of the site map. `changed`: RFC 3339, left out if nobody knows. */
export function urlset(pages: { path: string; changed?: string }[]): Response {
  const { siteUrl } = settings();
  const entries = pages.map(({ path, changed }) => `<url>${element("loc", `${siteUrl}${path}`)}${element("lastmod", changed)}</url>`);
  return xmlAnswer(`<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${entries.join("\n")}\n</urlset>`);
}
