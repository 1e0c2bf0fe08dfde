"use client";
import Link from "next/link";
import { useSyncExternalStore } from "react";
import { nameRemembered, onMemory } from "@/shop/memory";
import { Person } from "./icons";

export function AccountLink() {
  const name = useSyncExternalStore(onMemory, nameRemembered, () => null);
  return (
    <Link
      href={name ? "/account" : "/account/sign-in"}
      prefetch={false}
      className="flex size-11 items-center justify-center"
      aria-label={name ? `Account of ${name}` : "Sign in"}
    >
      <Person />
    </Link>
  );
}
