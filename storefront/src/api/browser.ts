import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

const REFRESH = "/api/auth/refresh";
let renewal: Promise<boolean> | undefined;

/** New tokens for the session's cookie. Many callers at once ask only once; false: nobody is signed in any more. */
export function renewSession(): Promise<boolean> {
  renewal ??= fetch(REFRESH, { method: "POST" })
    .then((answer) => answer.ok)
    .finally(() => (renewal = undefined));
  return renewal;
}

/** An access token lives for minutes: the call that finds it ended renews it and is made again, once. */
async function withSession(request: Request): Promise<Response> {
  const again = request.clone();
  const answer = await fetch(request);
  const signsIn = new URL(request.url).pathname.startsWith("/api/auth/") && !request.url.includes("/auth/sessions");
  if (answer.status !== 401 || signsIn || !(await renewSession())) return answer;
  return fetch(again);
}

/** The API for the shopper's browser, through the edge. Tokens are in cookies that scripts cannot read. */
export const api = createClient<paths>({ baseUrl: "/api", fetch: withSession });
