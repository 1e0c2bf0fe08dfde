import createClient from "openapi-fetch";
import { rememberName } from "@/shop/memory";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

/** "ended": nobody is signed in any more, and the cookies that said so are gone. "failed": nobody knows; ask later. */
type Renewal = "renewed" | "ended" | "failed";

let renewal: Promise<Renewal> | undefined;

/** New tokens for the session's cookie. Many callers at once ask only once. */
export function renewSession(): Promise<Renewal> {
  renewal ??= fetch("/api/auth/refresh", { method: "POST" })
    .then(({ ok, status }): Renewal => {
      if (ok) return "renewed";
      if (status !== 401) return "failed";
      rememberName(null);
      return "ended";
    })
    .finally(() => (renewal = undefined));
  return renewal;
}

/**
 * An access token lives for minutes: the call that finds it ended renews the session and is made again, once. If the
 * session has ended too, the same call is a guest's.
 */
async function withSession(request: Request): Promise<Response> {
  const again = request.clone();
  const answer = await fetch(request);
  if (answer.status !== 401 || (await codeOf(answer)) === "bad_credentials") return answer;
  return (await renewSession()) === "failed" ? answer : fetch(again);
}

async function codeOf(answer: Response): Promise<string | undefined> {
  const { code } = (await answer.clone().json().catch(() => ({}))) as Partial<Problem>;
  return code;
}

/** The API for the shopper's browser, through the edge. Tokens are in cookies that scripts cannot read. */
export const api = createClient<paths>({ baseUrl: "/api", fetch: withSession });

const PAUSE_MS = 2000;

/**
 * Calls back with each event of a stream; gives the way to stop. A stream that breaks is opened again by the browser;
 * one that is refused, because the access token has ended, after the session is renewed.
 */
export function listen<T>(path: string, event: string, onEvent: (value: T) => void): () => void {
  let stream: EventSource;
  let pause: number | undefined;
  const open = () => {
    stream = new EventSource(path);
    stream.addEventListener(event, ({ data }) => onEvent(JSON.parse(data as string) as T));
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED) return;
      renewSession().then((outcome) => {
        if (outcome === "renewed") pause = window.setTimeout(open, PAUSE_MS);
      }, () => undefined);
    });
  };
  open();
  return () => {
    window.clearTimeout(pause);
    stream.close();
  };
}
