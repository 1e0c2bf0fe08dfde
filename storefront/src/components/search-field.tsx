"use client";
import { useRouter } from "next/navigation";
import { useEffect, useId, useRef, useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { Lens } from "./icons";

const PAUSE_MS = 120;
interface Choice {
  href: string;
  label: string;
  kind: "Category" | "Product";
}

/** A search form that works by itself; with scripts it suggests products and categories while one types. */
export function SearchField() {
  const router = useRouter();
  const id = useId();
  const box = useRef<HTMLFormElement>(null);
  const [text, setText] = useState("");
  const [choices, setChoices] = useState<Choice[]>([]);
  const [active, setActive] = useState(-1);
  const [isOpen, setOpen] = useState(false);

  useEffect(() => {
    const words = text.trim();
    const asking = new AbortController();
    const timer = setTimeout(async () => {
      if (!words) return setChoices([]);
      try {
        const { data } = await api.GET("/search/suggest", { params: { query: { q: words } }, signal: asking.signal });
        if (data) setChoices(toChoices(data));
      } catch (error) {
        if (!asking.signal.aborted) console.warn("no suggestions", error);
      }
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [text]);

  const shows = isOpen && choices.length > 0;
  const close = () => {
    setOpen(false);
    setActive(-1);
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
        const chosen = choices[active];
        close();
        router.push(shows && chosen ? chosen.href : `/search?q=${encodeURIComponent(text.trim())}`);
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
        onKeyDown={(key) => {
          if (key.key === "Escape") return close();
          const step = { ArrowDown: 1, ArrowUp: -1 }[key.key];
          if (!step || !shows) return;
          key.preventDefault();
          setActive((active + 1 + step + choices.length + 1) % (choices.length + 1) - 1);
        }}
      />
      <ul
        id={`${id}-list`}
        role="listbox"
        aria-label="Suggestions"
        hidden={!shows}
        className="absolute top-full right-0 left-0 z-40 mt-2 overflow-hidden rounded-2xl border border-line bg-sheet py-2 shadow-xl"
      >
        {choices.map(({ href, label, kind }, index) => (
          <li
            key={href}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            className="flex cursor-pointer items-baseline justify-between gap-3 px-4 py-2 aria-selected:bg-sand hover:bg-sand"
            onMouseDown={(press) => {
              press.preventDefault();
              close();
              router.push(href);
            }}
          >
            <span className="truncate">{label}</span>
            <span className="text-sm text-soft">{kind}</span>
          </li>
        ))}
      </ul>
    </form>
  );
}

function toChoices({ categories = [], products = [] }: Schemas["Suggestions"]): Choice[] {
  return [
    ...categories.map(({ slug, name }): Choice => ({ href: `/categories/${slug}`, label: name, kind: "Category" })),
    ...products.map(({ slug, title }): Choice => ({ href: `/products/${slug}`, label: title, kind: "Product" })),
  ];
}
