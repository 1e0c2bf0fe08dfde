import type { Metadata } from "next";
import Link from "next/link";
import { withStock } from "@/api/goods";
import { asked, search } from "@/api/search";
import { api } from "@/api/server";
import { Goods } from "@/components/offers";
import { LeftOut, Results } from "@/components/results";

interface Props {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export async function generateMetadata({ searchParams }: Props): Promise<Metadata> {
  const words = asked(await searchParams).get("q");
  return { title: words ? `“${words}”` : "All products", robots: { index: false } };
}

export default async function SearchPage({ searchParams }: Props) {
  const [found, categories] = await Promise.all([search(asked(await searchParams)), api.GET("/categories")]);
  const { answer, asked: wanted, leftOut } = found;
  const words = wanted.get("q")?.trim() ?? "";
  const rooms = categories.data?.items ?? [];
  return (
    <div className="wrap pt-8">
      <h1 className="title mb-2">{words ? <>Results for “{words}”</> : "All products"}</h1>
      <LeftOut leftOut={leftOut} />
      {answer.suggestion && (
        <p className="mb-6 text-lg">
          {answer.corrected ? "Showing results for " : "Did you mean "}
          <Link className="link font-medium" prefetch={false} href={`/search?q=${encodeURIComponent(answer.suggestion)}`}>{answer.suggestion}</Link>
          {answer.corrected ? "." : "?"}
        </p>
      )}
      {answer.total > 0 ? (
        <div className="mt-6">
          <Results answer={answer} products={await withStock(answer.items)} asked={wanted} path="/search" names={new Map(rooms.map(({ slug, title }) => [slug, title]))} />
        </div>
      ) : (
        <div className="py-10">
          <p className="text-lg">Nothing was found.</p>
          <p className="mt-2 text-soft">Fewer words or fewer filters may help. Or look around:</p>
          <ul className="mt-6 flex flex-wrap gap-3">
            {wanted.size > (words ? 1 : 0) && words && (
              <li><Link className="button" prefetch={false} href={`/search?q=${encodeURIComponent(words)}`}>“{words}” without filters</Link></li>
            )}
            {rooms.map(({ slug, title }) => (
              <li key={slug}><Link className="button-quiet" prefetch={false} href={`/categories/${slug}`}>{title}</Link></li>
            ))}
          </ul>
          <Goods />
        </div>
      )}
    </div>
  );
}
