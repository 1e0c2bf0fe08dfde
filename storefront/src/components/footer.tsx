import Link from "next/link";
import { HELP_LINKS, LEGAL_LINKS } from "@/service/links";
import { settings } from "@/settings";

const ORDER_LINKS = [
  ["/account", "Account"],
  ["/account/orders", "Orders"],
  ["/find-order", "Find an order"],
  ["/cart", "Cart"],
] as const;

export function Footer() {
  const { shopName } = settings();
  return (
    <footer className="mt-24 border-t border-line bg-sand">
      <div className="wrap grid grid-cols-2 gap-8 py-12 text-sm sm:grid-cols-4">
        <div className="col-span-2 sm:col-span-1">
          <p className="font-serif text-xl">{shopName}</p>
          <p className="mt-2 max-w-xs text-soft">Fewer things, and better ones. What you see is what you pay.</p>
        </div>
        <Links title="Your orders" links={ORDER_LINKS} />
        <Links title="Help" links={HELP_LINKS} />
        <Links title="Legal" links={LEGAL_LINKS} />
      </div>
    </footer>
  );
}

function Links({ title, links }: { title: string; links: readonly (readonly [string, string])[] }) {
  return (
    <nav aria-label={title}>
      <h2 className="font-medium">{title}</h2>
      <ul className="mt-2 space-y-1.5">
        {links.map(([href, label]) => (
          <li key={href}><Link className="link inline-block py-0.5" prefetch={false} href={href}>{label}</Link></li>
        ))}
      </ul>
    </nav>
  );
}
