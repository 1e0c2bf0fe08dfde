"use client";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";

/** What leads away from a purchase: left out on the checkout's pages. */
export function OutsideCheckout({ children }: { children: ReactNode }) {
  return usePathname().startsWith("/checkout") ? null : children;
}
