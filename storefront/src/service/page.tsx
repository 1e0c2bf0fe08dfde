import type { Metadata } from "next";
import { Breadcrumbs } from "@/components/breadcrumbs";
import { SERVICE_PAGES } from "./pages";

type Slug = keyof typeof SERVICE_PAGES;

/** What a service page is called, for its head. */
export function metadataOf(slug: Slug): Metadata {
  const { title, description } = SERVICE_PAGES[slug];
  return { title, description, alternates: { canonical: `/${slug}` } };
}

/** A legal or service page of the shop: imprint, terms and the like. */
export function ServicePage({ slug }: { slug: Slug }) {
  const { title, Content } = SERVICE_PAGES[slug];
  return (
    <div className="wrap">
      <Breadcrumbs trail={[{ href: "/", label: "Home" }, { href: `/${slug}`, label: title }]} />
      <h1 className="title">{title}</h1>
      <div className="prose-shop mt-6 max-w-2xl [&_h2]:mt-8 [&_h2]:font-serif [&_h2]:text-2xl">
        <Content />
      </div>
    </div>
  );
}
