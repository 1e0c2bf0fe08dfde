"use client";
import type { ReactNode } from "react";
import type { Loaded } from "@/shop/account";
import { inWords } from "@/shop/problems";
import { Notice } from "../notice";

/** What is shown while something is asked for, when it cannot be had, and when it is there. */
export function Own<T>({ loaded, children }: { loaded: Loaded<T>; children: (data: T) => ReactNode }) {
  if (loaded.data !== undefined) return children(loaded.data);
  if (!loaded.problem) return <p role="status" className="text-soft">One moment …</p>;
  return (
    <Notice>
      <p>{inWords(loaded.problem)}</p>
      <p className="mt-2"><button type="button" className="link" onClick={loaded.reload}>Try again</button></p>
    </Notice>
  );
}
