"use client";
import { useRouter } from "next/navigation";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { locale } from "@/shop/locale";
import { Lens } from "./icons";
import { Picture } from "./picture";
import { Price } from "./price";

const PAUSE_MS = 120;
const CATEGORIES = 3;

/** What can be chosen: a category, a product, or to see everything that is found. */
interface Choice {
  href: string;
  label: string;
  note?: string;
  product?: Schemas["ProductHit"];
}

/**
 * A search form that works by itself; with scripts it suggests products and categories while one types: a combobox with a
 * list, by the WAI-ARIA Authoring Practices Guide.
 */
export function SearchField() {
  const router = useRouter();
  const id = useId();
  const box = useRef<HTMLFormElement>(null);
  const [text, setText] = useState("");
  const [suggested, setSuggested] = useState<Choice[]>([]);
  const [active, setActive] = useState(-1);
  const [isOpen, setOpen] = useState(false);
  const words = text.trim();

  useEffect(() => {
    const asking = new AbortController();
    const timer = setTimeout(async () => {
      if (!words) return setSuggested([]);
      try {
        const { data } = await api.GET("/search/suggest", { params: { query: { q: words.slice(0, 100) } }, signal: asking.signal });
        if (data) setSuggested(toChoices(data));
      } catch (error) {
        if (!asking.signal.aborted) console.warn("no suggestions", error);
      }
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [words]);

  useEffect(() => {
    // In braces: browsers differ in whether this returns something, which React would call.
    document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [id, active]);

  // What is suggested may still be for the words of a moment ago; what leads to everything is for those that stand there.
  const choices: Choice[] = suggested.length > 0 ? [...suggested, { href: allFound(words), label: `All results for “${words}”` }] : [];
  const shows = isOpen && words !== "" && choices.length > 0;
  const close = () => {
    setOpen(false);
    setActive(-1);
  };
  const go = (href: string) => {
    close();
    router.push(href);
  };
  const onKey = (key: KeyboardEvent) => {
    if (key.nativeEvent.isComposing) return;
    if (key.key === "Escape") {
      // The first one closes the list, the next one empties the field.
      if (shows) key.preventDefault();
      else setText("");
      return close();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[key.key];
    if (!step || choices.length === 0) return;
    key.preventDefault();
    setOpen(true);
    if (!key.altKey) setActive((((shows ? active : -1) + 1 + step + choices.length + 1) % (choices.length + 1)) - 1);
  };
  return (
    <form
      ref={box}
      action="/search"
      role="search"
      className="relative w-full max-w-xs"
      onBlur={(blur) => !box.current?.contains(blur.relatedTarget) && close()}
      onSubmit={(submit) => {
        submit.preventDefault();
        go((shows && choices[active]?.href) || allFound(words));
      }}
    >
      <label htmlFor={`${id}-q`} className="sr-only">Search the shop</label>
      <span className="pointer-events-none absolute inset-y-0 left-3 flex items-center text-soft"><Lens /></span>
      <input
        id={`${id}-q`}
        name="q"
        type="search"
        value={text}
        maxLength={200}
        placeholder="Search"
        autoComplete="off"
        enterKeyHint="search"
        role="combobox"
        aria-expanded={shows}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={shows && active >= 0 ? `${id}-${active}` : undefined}
        className="h-11 w-full rounded-full border border-line bg-sheet pr-3 pl-11 placeholder:text-soft"
        onChange={(change) => {
          setText(change.target.value);
          setOpen(true);
          setActive(-1);
        }}
        onFocus={() => setOpen(true)}
        onKeyDown={onKey}
      />
      <ul
        id={`${id}-list`}
        role="listbox"
        aria-label="Suggestions"
        hidden={!shows}
        className="fixed inset-x-0 top-16 z-40 max-h-[calc(100dvh-4rem)] overflow-y-auto border-b border-line bg-sheet py-2 shadow-xl sm:absolute sm:top-full sm:left-auto sm:mt-2 sm:max-h-[80dvh] sm:w-104 sm:rounded-2xl sm:border"
      >
        {choices.map(({ href, label, note, product }, index) => (
          <li
            key={href}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            className="flex min-h-11 cursor-pointer items-center gap-3 px-4 py-1.5 aria-selected:bg-sand hover:bg-sand"
            onMouseDown={(press) => press.preventDefault()}
            onClick={() => go(href)}
          >
            {product && (
              <span className="size-12 shrink-0 overflow-hidden rounded-lg bg-sand">
                {product.image && <Picture renditions={product.image.renditions} alt="" sizes="3rem" className="size-full object-cover" />}
              </span>
            )}
            <span className="min-w-0 flex-1">
              <span className={product ? "block truncate font-medium" : "block truncate"}>{label}</span>
              {note && <span className="block truncate text-sm text-soft">{note}</span>}
            </span>
            {product && <Price price={product.price} upTo={product.price_to} before={product.compare_at_price} locale={locale()} />}
          </li>
        ))}
      </ul>
      <p role="status" className="sr-only">{shows ? `${choices.length} suggestions` : ""}</p>
    </form>
  );
}

const allFound = (words: string) => `/search?q=${encodeURIComponent(words)}`;

function toChoices({ categories = [], products = [] }: Schemas["Suggestions"]): Choice[] {
  return [
    ...categories.slice(0, CATEGORIES).map(({ slug, name, count }): Choice => ({
      href: `/categories/${slug}`,
      label: name,
      note: `Category, ${count} ${count === 1 ? "product" : "products"}`,
    })),
    ...products.map((product): Choice => ({
      href: `/products/${product.slug}`,
      label: product.title,
      note: [product.brand, ...(product.in_stock ? [] : ["sold out"])].filter(Boolean).join(", "),
      product,
    })),
  ];
}
