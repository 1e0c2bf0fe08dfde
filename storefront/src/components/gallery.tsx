"use client";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import type { components } from "@/api/schema";
import { address, Picture, Unpictured } from "./picture";

const LargePicture = lazy(() => import("./large-picture"));

/** How wide the pictures are, as the grids of this page and of ProductView lay them out. */
const FIRST_SIZES = "(min-width: 75rem) 38rem, (min-width: 43.75rem) 54vw, (min-width: 40rem) 94vw, 88vw";
const OTHER_SIZES = "(min-width: 75rem) 19rem, (min-width: 43.75rem) 27vw, (min-width: 40rem) 46vw, 88vw";

/** The widest that pictures are made. */
const LARGEST = 1200;

/** A product's pictures: side by side to be swept through on a phone, in a grid beside the text elsewhere. */
export function Gallery({ media }: { media: components["schemas"]["Media"][] }) {
  const row = useRef<HTMLUListElement>(null);
  const first = media[0]?.id;
  // Another picture has come to the front: whoever has swept on would not see it.
  useEffect(() => {
    row.current?.scrollTo({ left: 0 });
  }, [first]);
  const [large, setLarge] = useState<number>();
  if (!media.length) return <Unpictured className="aspect-square rounded-2xl" />;
  return (
    <>
      <ul
        ref={row}
        aria-label="Pictures"
        tabIndex={media.length > 1 ? 0 : undefined}
        className="-mx-4 flex snap-x snap-mandatory gap-3 overflow-x-auto px-4 sm:mx-0 sm:grid sm:grid-cols-2 sm:overflow-visible sm:px-0"
      >
        {media.map((picture, index) => (
          <li
            key={picture.id}
            className={`aspect-square w-[88%] shrink-0 snap-center overflow-hidden rounded-2xl bg-sand only:w-full sm:w-auto ${index === 0 ? "sm:col-span-2" : ""}`}
          >
            {/* Without scripts it leads to the picture itself. */}
            <a
              href={address(picture.renditions ?? {}, "jpg", LARGEST)}
              aria-label={`Enlarge picture ${index + 1}${picture.alt ? `: ${picture.alt}` : ""}`}
              className="block size-full cursor-zoom-in -outline-offset-4"
              onClick={(click) => {
                if (click.metaKey || click.ctrlKey || click.shiftKey) return;
                click.preventDefault();
                setLarge(index);
              }}
            >
              <Picture
                renditions={picture.renditions ?? {}}
                alt={picture.alt ?? ""}
                sizes={index === 0 ? FIRST_SIZES : OTHER_SIZES}
                eager={index === 0}
                className="size-full object-cover"
              />
            </a>
          </li>
        ))}
      </ul>
      {large !== undefined && (
        <Suspense>
          <LargePicture media={media} first={large} onClose={() => setLarge(undefined)} />
        </Suspense>
      )}
    </>
  );
}
