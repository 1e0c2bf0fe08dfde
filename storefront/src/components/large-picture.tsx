"use client";
import { useEffect, useRef, useState } from "react";
import type { components } from "@/api/schema";
import { Cross } from "./icons";
import { Picture } from "./picture";

interface Props {
  media: components["schemas"]["Media"][];
  /** Which picture is shown at first. */
  first: number;
  onClose: () => void;
}

/** A picture as large as the longer side of the window, to be moved about in. The browser itself closes it by Escape and returns the focus. */
export default function LargePicture({ media, first, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [shown, setShown] = useState(first);
  const picture = media[shown];
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  useEffect(() => {
    const view = dialog.current;
    view?.scrollTo((view.scrollWidth - view.clientWidth) / 2, (view.scrollHeight - view.clientHeight) / 2);
  }, [shown]);
  const turn = (steps: number) => setShown((shown + steps + media.length) % media.length);
  if (!picture) return null;
  return (
    <dialog
      ref={dialog}
      aria-label="Large picture"
      onClose={onClose}
      onKeyDown={({ key }) => {
        if (key === "ArrowLeft") turn(-1);
        if (key === "ArrowRight") turn(1);
      }}
      className="m-0 size-full max-h-none max-w-none overflow-auto overscroll-contain bg-sand text-ink"
    >
      <div className="mx-auto size-[max(100vw,100dvh)] max-h-[1200px] max-w-[1200px]" onClick={() => dialog.current?.close()}>
        <Picture
          key={picture.id}
          renditions={picture.renditions ?? {}}
          alt={picture.alt ?? ""}
          sizes="min(max(100vw, 100vh), 1200px)"
          eager
          className="size-full cursor-zoom-out object-contain"
        />
      </div>
      <button type="button" className="button-quiet fixed top-3 right-3 size-11 px-0" aria-label="Close the large picture" onClick={() => dialog.current?.close()}>
        <Cross />
      </button>
      {media.length > 1 && (
        <p className="fixed inset-x-0 bottom-4 flex items-center justify-center gap-3">
          <button type="button" className="button-quiet" onClick={() => turn(-1)}>Previous</button>
          <span className="rounded-full bg-paper px-3 py-1 text-sm" aria-live="polite">{shown + 1} of {media.length}</span>
          <button type="button" className="button-quiet" onClick={() => turn(1)}>Next</button>
        </p>
      )}
    </dialog>
  );
}
