"use client";
import { useSyncExternalStore } from "react";

const nothingChanges = () => () => undefined;

/**
 * The secret of a mail's link. It stands after `#`, which browsers send to nobody: it is in no log.
 * Undefined until the page is alive, null if there is none.
 */
export function useSecretOfLink(): string | null | undefined {
  return useSyncExternalStore(nothingChanges, () => new URLSearchParams(location.hash.slice(1)).get("token"), () => undefined);
}
