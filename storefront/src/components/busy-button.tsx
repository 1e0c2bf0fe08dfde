"use client";
import type { ButtonHTMLAttributes } from "react";

/**
 * A button that may be busy. It stays where the keyboard's focus is: a `disabled` button would lose it. While it is
 * busy a press does nothing.
 */
export function BusyButton({ isBusy, onClick, ...button }: ButtonHTMLAttributes<HTMLButtonElement> & { isBusy: boolean }) {
  return (
    <button
      {...button}
      aria-disabled={isBusy || undefined}
      onClick={(click) => {
        if (isBusy) click.preventDefault();
        else onClick?.(click);
      }}
    />
  );
}
