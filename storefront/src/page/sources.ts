import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingMessage } from "node:http";

/** What one page is made of: the surrogate keys, the newest version and the secrecy of the API answers in it. */
export class Sources {
  readonly keys = new Set<string>();
  version = 0;
  /** Whether something in the page is for this shopper alone. */
  personal = false;
  /** Whether something is missing that the next reader may get. */
  lacks = false;
  readonly request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.request = request;
  }

  /** It tells of so many products that it bears the key of all of them instead of one for each. */
  tellsOfAllProducts(): void {
    for (const key of this.keys) if (key.startsWith("product:")) this.keys.delete(key);
    this.keys.add("products");
  }

  add(headers: Headers): void {
    for (const key of (headers.get("xkey") ?? "").split(" ")) if (key) this.keys.add(key);
    this.version = Math.max(this.version, Number(headers.get("x-data-version") ?? 0));
    if (!/(^|[\s,])public([\s,]|$)/.test(headers.get("cache-control") ?? "")) this.personal = true;
  }
}

// The server's own modules and the bundled pages are loaded apart from each other; the store must be the same.
const shared = globalThis as typeof globalThis & { bodegaPageSources?: AsyncLocalStorage<Sources> };
export const sources = (shared.bodegaPageSources ??= new AsyncLocalStorage<Sources>());
