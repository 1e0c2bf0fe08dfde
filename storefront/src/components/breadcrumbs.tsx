import Link from "next/link";
import { settings } from "@/settings";
import { StructuredData } from "./structured-data";

export function Breadcrumbs({ trail }: { trail: { href: string; label: string }[] }) {
  const { siteUrl } = settings();
  const items = trail.map(({ href, label }, index) => ({
    "@type": "ListItem", position: index + 1, name: label, item: new URL(href, siteUrl).href,
  }));
  return (
    <nav aria-label="You are here" className="py-4 text-sm text-soft">
      <ol className="flex flex-wrap gap-x-2">
        {trail.map(({ href, label }) => (
          <li key={href} className="after:ml-2 after:content-['/'] last:after:content-none">
            <Link href={href} prefetch={false} className="link inline-block py-1 no-underline hover:underline">{label}</Link>
          </li>
        ))}
      </ol>
      <StructuredData data={{ "@type": "BreadcrumbList", itemListElement: items }} />
    </nav>
  );
}
