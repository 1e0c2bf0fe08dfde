import Link from "next/link";
import type { components } from "@/api/schema";
import { priceIn } from "@/api/search";
import { settings } from "@/settings";
import { areColours, colourOf } from "@/words/colours";
import { money } from "@/words/money";
import { Cross } from "./icons";
import { type Card, ProductGrid } from "./product-card";
import { SortChoice } from "./sort-choice";

type Answer = components["schemas"]["SearchAnswer"];
/** What an address asks for: each parameter with its values, in the order in which they stand. */
export type Asked = URLSearchParams;

const SORTS = [
  ["relevance", "Best match"],
  ["newest", "Newest"],
  ["price", "Price, low to high"],
  ["-price", "Price, high to low"],
] as const;
/** Without words nothing matches better than another: what can be had now stands first, and the newest of it. */
const SORTS_WITHOUT_WORDS = [["relevance", "Featured"], ...SORTS.slice(1)] as const;
/** The share of the products found that must have an option, before the page offers to choose by it. */
const COMMON_SHARE = 0.2;

/** A page of products with its filters. Each filter is a link or a form: it works without scripts, and can be sent to a friend. */
export function Results(props: { answer: Answer; products: Card[]; asked: Asked; path: string; names: Map<string, string>; hidesCategories?: boolean }) {
  const { answer, products, asked, path, names, hidesCategories = false } = props;
  const { facets, total, next_cursor } = answer;
  const { locale } = settings();
  const chosen = [...asked].filter(([name]) => !["q", "sort", "cursor"].includes(name));
  const groups = [
    ...(hidesCategories ? [] : [{ name: "Category", parameter: "category", values: facets.categories }]),
    { name: "Brand", parameter: "brand", values: facets.brands },
    ...facets.options.filter(({ count, values }) => count >= total * COMMON_SHARE || values.some(({ selected }) => selected)),
  ].filter(({ values }) => values.length > 1 || values.some(({ selected }) => selected));
  const isInStockAsked = asked.get("in_stock") === "true";
  const filters = (
    <>
      {chosen.length > 0 && (
        <p className="pb-4">
          <Link className="link" prefetch={false} href={to(path, without(asked, ...new Set(chosen.map(([name]) => name))))}>
            Clear all filters
          </Link>
        </p>
      )}
      {(isInStockAsked || facets.in_stock < total) && (
        <Filter title="Availability" isOpen>
          <Check href={to(path, toggled(asked, "in_stock", "true"))} isOn={isInStockAsked} label="In stock" count={facets.in_stock} />
        </Filter>
      )}
      {groups.map(({ name, parameter, values }) => (
        <Filter key={parameter} title={name} isOpen={values.some(({ selected }) => selected) || groups.length < 4}>
          {values.map(({ value, count, selected }) => (
            <Check
              key={value}
              href={to(path, toggled(asked, parameter, value))}
              isOn={selected}
              label={parameter === "category" ? (names.get(value) ?? value) : value}
              swatch={areColours(values) ? colourOf(value) : undefined}
              count={count}
            />
          ))}
        </Filter>
      ))}
      {facets.price && facets.price.lowest.amount < facets.price.highest.amount && (
        <Filter title="Price" isOpen={asked.has("price_min") || asked.has("price_max")}>
          <PriceRange asked={asked} path={path} range={facets.price} locale={locale} />
        </Filter>
      )}
    </>
  );
  return (
    <div className="grid gap-x-10 lg:grid-cols-[14rem_minmax(0,1fr)]">
      <aside aria-label="Filters">
        {/* On a phone a sheet above the page, opened by the browser itself: it needs no script. */}
        <div id="filters" popover="auto" className="filters">
          <p className="flex items-center justify-between border-b border-line py-2 lg:hidden">
            <span className="font-serif text-2xl">Filters</span>
            <button type="button" popoverTarget="filters" popoverTargetAction="hide" className="-mr-3 flex size-11 items-center justify-center" aria-label="Close the filters">
              <Cross />
            </button>
          </p>
          <div className="flex-1 overflow-y-auto overscroll-contain py-4 lg:py-0">{filters}</div>
          <p className="border-t border-line py-4 lg:hidden">
            <button type="button" popoverTarget="filters" popoverTargetAction="hide" className="button w-full">
              Show {total} {total === 1 ? "product" : "products"}
            </button>
          </p>
        </div>
      </aside>
      <div>
        <div className="mb-5 flex flex-wrap items-center justify-between gap-3">
          <p className="w-full text-soft lg:w-auto" aria-live="polite">
            {total} {total === 1 ? "product" : "products"}
          </p>
          <button type="button" popoverTarget="filters" className="button-quiet px-5 lg:hidden">
            Filters{chosen.length > 0 && <span className="text-soft"> ({chosen.length})</span>}
          </button>
          <SortChoice
            path={path}
            asked={[...without(asked, "sort", "cursor")]}
            present={asked.get("sort") ?? "relevance"}
            sorts={asked.get("q")?.trim() ? SORTS : SORTS_WITHOUT_WORDS}
          />
        </div>
        {chosen.length > 0 && (
          <ul aria-label="Chosen filters" className="mb-6 flex flex-wrap gap-2">
            {chosen.map(([name, value]) => (
              <li key={`${name}=${value}`}>
                <Link
                  href={to(path, toggled(asked, name, value))}
                  prefetch={false}
                  className="inline-flex min-h-9 items-center gap-2 rounded-full bg-sand px-4 text-sm hover:bg-line"
                >
                  {inWords(name, value, names, locale)} <span aria-hidden="true">×</span>
                  <span className="sr-only">, remove this filter</span>
                </Link>
              </li>
            ))}
          </ul>
        )}
        <h2 className="sr-only">Products</h2>
        <ProductGrid products={products} locale={locale} eager={4} />
        <p className="mt-12 flex justify-center gap-3">
          {asked.has("cursor") && <Link className="button-quiet" prefetch={false} href={to(path, without(asked, "cursor"))}>Back to the first page</Link>}
          {next_cursor && <Link className="button-quiet" prefetch={false} href={to(path, replaced(asked, "cursor", next_cursor))}>More products</Link>}
        </p>
      </div>
    </div>
  );
}

/** Says what of an address was left out of the search, if anything was. */
export function LeftOut({ leftOut }: { leftOut: string[] }) {
  if (!leftOut.length) return null;
  return <p className="card mb-6 p-4" role="status">We left out what cannot be used here: {leftOut.join(", ")}.</p>;
}

function Filter({ title, isOpen, children }: { title: string; isOpen: boolean; children: React.ReactNode }) {
  return (
    <details open={isOpen} className="group border-t border-line py-1">
      <summary className="flex min-h-11 list-none items-center justify-between font-medium">
        {title}
        <span aria-hidden="true" className="text-soft transition-transform group-open:rotate-45">+</span>
      </summary>
      <ul className="max-h-72 overflow-y-auto pb-3">{children}</ul>
    </details>
  );
}

function Check(props: { href: string; isOn: boolean; label: string; count: number; swatch?: string | undefined }) {
  const { href, isOn, label, count, swatch } = props;
  return (
    <li>
      {/* Stays where it is: whoever chooses one often chooses another. */}
      <Link href={href} prefetch={false} scroll={false} rel="nofollow" aria-current={isOn ? "true" : undefined} className="flex min-h-9 items-center gap-3">
        <span
          aria-hidden="true"
          className={`flex size-5 shrink-0 items-center justify-center rounded border text-xs text-on-pine ${isOn ? "border-pine bg-pine" : "border-edge bg-sheet"}`}
        >
          {isOn && "✓"}
        </span>
        {swatch && (
          <svg aria-hidden="true" viewBox="0 0 16 16" className="size-4 shrink-0 text-edge">
            <circle cx="8" cy="8" r="7.5" fill={swatch} stroke="currentColor" />
          </svg>
        )}
        <span className="flex-1">{label}{isOn && <span className="sr-only"> (chosen)</span>}</span>
        <span className="text-sm text-soft">{count}</span>
      </Link>
    </li>
  );
}

function PriceRange(props: { asked: Asked; path: string; range: NonNullable<Answer["facets"]["price"]>; locale: string }) {
  const { asked, path, range, locale } = props;
  const bounds = [
    ["price_min", "from", range.lowest],
    ["price_max", "to", range.highest],
  ] as const;
  return (
    <li>
      <form action={path}>
        {[...without(asked, "price_min", "price_max", "cursor")].map(([name, value]) => (
          <input key={`${name}=${value}`} type="hidden" name={name} value={value} />
        ))}
        <div className="flex gap-2">
          {bounds.map(([name, label, bound]) => (
            <label key={name} className="text-sm text-soft">
              {label}
              <input
                name={name}
                type="number"
                min={0}
                step={0.01}
                inputMode="decimal"
                defaultValue={asked.get(name) ?? ""}
                placeholder={money(bound, locale).replace(/[^\d.,]/g, "")}
                className="field mt-1"
              />
            </label>
          ))}
        </div>
        <button type="submit" className="button-quiet mt-2 w-full">Apply</button>
      </form>
    </li>
  );
}

function inWords(name: string, value: string, names: Map<string, string>, locale: string): string {
  if (name === "in_stock") return "In stock";
  if (name === "category") return names.get(value) ?? value;
  const { currency } = settings();
  const format = new Intl.NumberFormat(locale, { style: "currency", currency });
  if (name === "price_min") return `from ${format.format(priceIn(value))}`;
  if (name === "price_max") return `to ${format.format(priceIn(value))}`;
  return value;
}

/** In the order into which the edge puts parameters: the router takes an answer to another one for another page's. */
function to(path: string, asked: Asked): string {
  const parameters = [...asked].map((each) => String(new URLSearchParams([each]))).sort();
  return parameters.length ? `${path}?${parameters.join("&")}` : path;
}

function without(asked: Asked, ...names: string[]): Asked {
  return new URLSearchParams([...asked].filter(([name]) => !names.includes(name)));
}

function replaced(asked: Asked, name: string, value: string): Asked {
  const result = without(asked, name);
  result.set(name, value);
  return result;
}

/** With a value added, or taken away if it was there; always from the first page on. */
function toggled(asked: Asked, name: string, value: string): Asked {
  const result = without(asked, "cursor");
  if (!result.has(name, value)) result.append(name, value);
  else result.delete(name, value);
  return result;
}
