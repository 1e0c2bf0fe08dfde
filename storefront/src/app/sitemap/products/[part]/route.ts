import { addressesFrom } from "@/page/catalog";
import { urlset } from "@/page/sitemap";

export const dynamic = "force-dynamic";

/** A part of the site map with products; its name is the cursor at which it begins. */
export async function GET(_: Request, { params }: { params: Promise<{ part: string }> }): Promise<Response> {
  const [, name] = /^([\w-]+)\.xml$/.exec((await params).part) ?? [];
  const found = name && (await addressesFrom(name === "first" ? undefined : name));
  if (!found) return new Response("There is no such part of the site map.\n", { status: 404, headers: { "Content-Type": "text/plain; charset=utf-8" } });
  return urlset(found.items.map(({ slug, updated_at }) => ({ path: `/products/${slug}`, changed: updated_at })));
}
