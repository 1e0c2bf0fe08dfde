import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { cache } from "react";
import { withStock } from "@/api/goods";
import { asked, search } from "@/api/search";
import { api } from "@/api/server";
import { Breadcrumbs } from "@/components/breadcrumbs";
import { Goods } from "@/components/offers";
import { LeftOut, Results } from "@/components/results";

interface Props {
  params: Promise<{ slug: string }>;
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

const findCategory = cache(async (slug: string) => {
  const categories = (await api.GET("/categories")).data?.items ?? [];
  return { category: categories.find((each) => each.slug === slug) ?? notFound(), categories };
});

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { category } = await findCategory((await params).slug);
  return { title: category.title, description: category.description, alternates: { canonical: `/categories/${category.slug}` } };
}

export default async function CategoryPage({ params, searchParams }: Props) {
  const { category, categories } = await findCategory((await params).slug);
  const { answer, asked: wanted, leftOut } = await search(asked(await searchParams), category.slug);
  return (
    <div className="wrap">
      <Breadcrumbs trail={[{ href: "/", label: "Home" }, { href: `/categories/${category.slug}`, label: category.title }]} />
      <header className="mb-8 max-w-2xl">
        <h1 className="title">{category.title}</h1>
        {category.description && <p className="mt-3 text-lg text-soft">{category.description}</p>}
      </header>
      <LeftOut leftOut={leftOut} />
      {answer.total === 0 && <p className="mb-6">Nothing here matches these filters.</p>}
      <Results
        answer={answer}
        products={await withStock(answer.items)}
        asked={wanted}
        path={`/categories/${category.slug}`}
        names={new Map(categories.map(({ slug, title }) => [slug, title]))}
        hidesCategories
      />
      {answer.total === 0 && <Goods />}
    </div>
  );
}
