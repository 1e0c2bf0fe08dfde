import "server-only";
import createClient, { type Middleware } from "openapi-fetch";
import { callHeaders } from "@/page/origin";
import { sources } from "@/page/sources";
import { settings } from "@/settings";
import type { paths } from "./schema";

/** How long a page waits for one answer of the API, in milliseconds. */
const PATIENCE_MS = 8000;

/** The API could not be asked, or failed: the page cannot be made. */
export class ApiUnavailable extends Error {
  override name = "ApiUnavailable";
}

const collects: Middleware = {
  onRequest({ request }) {
    const page = sources.getStore();
    const forwarded = page?.request.headers["x-forwarded-for"];
    const headers = callHeaders(Array.isArray(forwarded) ? forwarded.join(", ") : forwarded);
    for (const [name, value] of Object.entries(headers)) request.headers.set(name, value);
    return new Request(request, { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
  },
  onResponse({ response }) {
    if (response.status >= 500 || response.status === 429) {
      throw new ApiUnavailable(`${response.status} of ${new URL(response.url).pathname}`);
    }
    // What is missing or was asked for wrongly is nobody's own; how long that may be kept is the page's matter.
    if (![400, 404, 422].includes(response.status)) sources.getStore()?.add(response.headers);
  },
};

const isPersonal: Middleware = {
  onRequest() {
    const page = sources.getStore();
    if (page) page.personal = true;
  },
};

/** The API for server components that show the same to everybody. What is asked through it tags the page. */
export const api = createClient<paths>({ baseUrl: settings().apiUrl });
api.use(collects);

/** The API for a page that is one shopper's own: his cookies go along, and the page is kept by nobody. */
export function apiFor(cookie: string): typeof api {
  const personal = createClient<paths>({
    baseUrl: settings().apiUrl,
    headers: { Cookie: cookie, Origin: settings().siteUrl },
  });
  personal.use(collects, isPersonal);
  return personal;
}
