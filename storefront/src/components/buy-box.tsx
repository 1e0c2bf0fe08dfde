"use client";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { addToCart, openDrawer } from "@/shop/cart";
import { inWords } from "@/shop/problems";
import { withOptions } from "@/words/goods";
import { money } from "@/words/money";
import { BusyButton } from "./busy-button";
import { DeliveryPromise } from "./delivery-promise";
import { QuantityChoice } from "./quantity-choice";
import { TellMe } from "./tell-me";

/** A value for each of a product's options. */
export type Choice = Record<string, string>;
export type Variant = Schemas["Variant"] & { options: Choice };
type Stock = Schemas["StockView"];
interface Props {
  product: { id: string; slug: string; title: string; options: Schemas["Option"][] };
  variants: Variant[];
  chosen: Choice;
  onChoose: (chosen: Choice) => void;
  locale: string;
  /** What the price includes. */
  priceNote: ReactNode;
}

const FEW = 5;
/** How often an open page looks at the stock again, in milliseconds. */
const LOOK_AGAIN_MS = 30_000;

/** Choosing a variant and putting it into the cart. Without scripts it is a form that the server answers. */
export function BuyBox({ product, variants, chosen, onChoose, locale, priceNote }: Props) {
  const id = useId();
  const [quantity, setQuantity] = useState(1);
  const [stock, setStock] = useState<Map<string, Stock>>();
  const [said, setSaid] = useState<{ text: string; isBad: boolean }>();
  const [isBusy, setBusy] = useState(false);
  const button = useRef<HTMLDivElement>(null);
  const [isButtonInView, setButtonInView] = useState(true);

  useEffect(() => {
    const watch = new IntersectionObserver(([entry]) => setButtonInView(entry?.isIntersecting ?? true));
    if (button.current) watch.observe(button.current);
    return () => watch.disconnect();
  }, []);

  // The page is kept by the edge and says nothing about stock: what is left is asked for here, and now.
  useEffect(() => {
    let isGone = false;
    const skus = variants.map(({ sku }) => sku).join(",");
    const look = async () => {
      const { data } = await api.GET("/inventory", { params: { query: { skus } } }).catch(() => ({ data: undefined }));
      if (data && !isGone) setStock(new Map(data.items.map((each) => [each.sku, each])));
    };
    void look();
    const timer = setInterval(() => document.visibilityState === "visible" && void look(), LOOK_AGAIN_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [variants]);

  const variant = variantOf(variants, chosen);
  const left = variant && stock?.get(variant.sku);
  const isSoldOut = left?.in_stock === false;
  const most = left?.available ?? null;
  const wanted = most === null ? quantity : Math.max(1, Math.min(quantity, most));
  return (
    <>
      <form
        method="post"
        action="/cart/add"
        onSubmit={async (submit) => {
          submit.preventDefault();
          if (!variant) return;
          setBusy(true);
          const problem = await addToCart(variant.sku, wanted);
          setBusy(false);
          setSaid(problem && { text: inWords(problem), isBad: true });
          if (!problem) openDrawer();
        }}
      >
        <input type="hidden" name="product" value={product.slug} />
        <p className="mt-3 flex items-baseline gap-3 text-2xl" aria-live="polite">
          {variant ? (
            <>
              <span className={variant.compare_at_price ? "text-clay" : ""}>{money(variant.price, locale)}</span>
              {variant.compare_at_price && (
                <s className="text-lg text-soft"><span className="sr-only">was </span>{money(variant.compare_at_price, locale)}</s>
              )}
            </>
          ) : (
            <span className="text-lg text-soft">Not available in this combination</span>
          )}
        </p>
        {priceNote}
        {product.options.map((option) => (
          <fieldset key={option.name} className="mt-6">
            <legend className="font-medium">
              {option.name}: <span className="font-normal text-soft">{chosen[option.name]}</span>
            </legend>
            <div className="mt-2 flex flex-wrap gap-2">
              {option.values.map((value) => {
                const offered = variants.filter((each) => isSame(each.options, { ...chosen, [option.name]: value }));
                const isGone = offered.every((each) => stock?.get(each.sku)?.in_stock === false);
                return (
                  <label
                    key={value}
                    className={`relative flex min-h-11 cursor-pointer items-center rounded-full border border-edge bg-sheet px-4 has-checked:border-pine has-checked:bg-pine has-checked:text-on-pine has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-pine ${isGone ? "text-soft line-through" : ""}`}
                  >
                    <input
                      type="radio"
                      name={`option.${option.name}`}
                      value={value}
                      checked={chosen[option.name] === value}
                      onChange={() => onChoose({ ...chosen, [option.name]: value })}
                      className="sr-only"
                    />
                    {value}
                    {isGone && <span className="sr-only"> (sold out)</span>}
                  </label>
                );
              })}
            </div>
          </fieldset>
        ))}
        <div ref={button} className="mt-8 flex gap-3">
          <label htmlFor={`${id}-quantity`} className="sr-only">Quantity</label>
          <QuantityChoice id={`${id}-quantity`} value={wanted} left={most} onChange={setQuantity} className="field w-20 rounded-full px-4" />
          <BusyButton type="submit" className="button flex-1" isBusy={isBusy} disabled={!variant || isSoldOut}>
            {isSoldOut ? "Sold out" : isBusy ? "Adding …" : "Add to cart"}
          </BusyButton>
        </div>
        <p className="mt-3 min-h-6 text-sm" aria-live="polite">
          {said ? <span className={said.isBad ? "text-alarm" : "text-good"}>{said.text}</span> : left && <StockNote left={left} />}
        </p>
        {!isSoldOut && <DeliveryPromise price={variant?.price} grams={variant?.weight_grams ?? 0} locale={locale} />}
        {/* On a phone: always at hand. */}
        {variant && !isSoldOut && !isButtonInView && (
          <div className="fixed inset-x-0 bottom-0 z-20 flex items-center justify-between gap-4 border-t border-line bg-paper px-4 py-3 shadow-lg min-[700px]:hidden">
            <span className="min-w-0 truncate">{Object.values(chosen).join(" · ") || product.title}</span>
            <BusyButton type="submit" className="button shrink-0" isBusy={isBusy}>
              Add · {money(variant.price, locale)}
            </BusyButton>
          </div>
        )}
      </form>
      {variant && isSoldOut && <TellMe key={variant.sku} sku={variant.sku} what={withOptions(product.title, chosen)} />}
    </>
  );
}

function StockNote({ left: { in_stock, available } }: { left: Stock }) {
  if (!in_stock) return <span className="text-soft">This one is sold out for now.</span>;
  if (available !== null && available <= FEW) return <span className="text-clay">Only {available} left.</span>;
  return <span className="text-good">In stock.</span>;
}

export function variantOf(variants: Variant[], chosen: Choice): Variant | undefined {
  return variants.find(({ options }) => isSame(options, chosen));
}

function isSame(one: Choice, other: Choice): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
