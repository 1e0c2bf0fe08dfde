import { settings } from "@/settings";

export const dynamic = "force-dynamic";

/** What is one shopper's own, and the endless combinations of filters, are of no use to search engines. */
const NOT_FOR_CRAWLERS = ["/api/", "/cart", "/checkout", "/account", "/orders/", "/search", "/categories/*?"];

export function GET(): Response {
  const lines = ["User-agent: *", ...NOT_FOR_CRAWLERS.map((path) => `Disallow: ${path}`), "", `Sitemap: ${settings().siteUrl}/sitemap.xml`];
  return new Response(`${lines.join("\n")}\n`, { headers: { "Content-Type": "text/plain; charset=utf-8" } });
}
