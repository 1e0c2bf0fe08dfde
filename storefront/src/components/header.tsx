import Link from "next/link";
import type { components } from "@/api/schema";
import { api, withoutIt } from "@/api/server";
import { settings } from "@/settings";
import { AccountLink } from "./account-link";
import { CartButton } from "./cart-button";
import { Lines } from "./icons";
import { OutsideCheckout } from "./outside-checkout";
import { SearchField } from "./search-field";

type Categories = components["schemas"]["CategoryView"][];

/** None, if the catalog cannot be asked: the cart can still be seen. */
async function categoriesNow(): Promise<Categories> {
  try {
    return (await api.GET("/categories")).data?.items ?? [];
  } catch (error) {
    return withoutIt(error) ?? [];
  }
}

export async function Header() {
  const { shopName, country } = settings();
  const categories = await categoriesNow();
  const links = categories.map(({ slug, title }) => (
    <li key={slug}>
      <Link href={`/categories/${slug}`} prefetch={false} className="link block py-2 no-underline hover:underline">
        {title}
      </Link>
    </li>
  ));
  return (
    <header className="sticky top-0 z-30 border-b border-line bg-paper">
      <div className="wrap flex h-16 items-center gap-3">
        <OutsideCheckout>
          <details className="group lg:hidden">
            <summary className="-ml-2 flex size-11 list-none items-center justify-center" aria-label="Categories">
              <Lines />
            </summary>
            <nav aria-label="Categories" className="absolute inset-x-0 top-16 border-b border-line bg-paper shadow-lg">
              <ul className="wrap py-4 text-lg">{links}</ul>
            </nav>
          </details>
        </OutsideCheckout>
        <Link href="/" prefetch={false} className="font-serif text-2xl">
          {shopName}
        </Link>
        <div className="ml-auto flex flex-1 items-center justify-end gap-1">
          <OutsideCheckout>
            <SearchField />
            <AccountLink />
          </OutsideCheckout>
          <CartButton country={country} />
        </div>
      </div>
      <OutsideCheckout>
        <nav aria-label="Categories" className="hidden border-t border-line lg:block">
          <ul className="wrap flex gap-7 overflow-x-auto text-[0.95rem] whitespace-nowrap">{links}</ul>
        </nav>
      </OutsideCheckout>
    </header>
  );
}
