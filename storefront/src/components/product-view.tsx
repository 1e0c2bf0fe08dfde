"use client";
import { type ReactNode, useEffect, useState } from "react";
import type { Schemas } from "@/api/browser";
import { BuyBox, type Choice, type Variant, variantOf } from "./buy-box";
import { Gallery } from "./gallery";

type Media = Schemas["Media"];

interface Props {
  product: { id: string; slug: string; title: string; options: Schemas["Option"][] };
  variants: Variant[];
  media: Media[];
  locale: string;
  heading: ReactNode;
  /** What the price includes. */
  priceNote: ReactNode;
  /** What stands below the choice. */
  children: ReactNode;
}

/** Pictures and choice, side by side: what is chosen is what is seen. */
export function ProductView({ product, variants, media, locale, heading, priceNote, children }: Props) {
  const [chosen, setChosen] = useState<Choice>(() => variants[0]?.options ?? {});

  // A link from the cart or the search names the variant it is about.
  useEffect(() => {
    const named = variants.find(({ sku }) => sku === new URLSearchParams(location.search).get("variant"));
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the kept page cannot know the address it is read at
    if (named) setChosen(named.options);
  }, [variants]);

  return (
    <div className="grid gap-8 min-[700px]:grid-cols-[minmax(0,7fr)_minmax(0,5fr)] lg:gap-14">
      <Gallery media={inView(media, variantOf(variants, chosen)?.sku)} />
      <div>
        {heading}
        <BuyBox product={product} variants={variants} chosen={chosen} onChoose={setChosen} locale={locale} priceNote={priceNote} />
        {children}
      </div>
    </div>
  );
}

/** The pictures of a variant, those of all, those of others; each in the merchant's order. */
function inView(media: Media[], sku: string | undefined): Media[] {
  if (!sku) return media;
  const rank = ({ variant_skus: skus = [] }: Media) => (skus.includes(sku) ? 0 : skus.length ? 2 : 1);
  return [...media].sort((one, other) => rank(one) - rank(other));
}
