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
const LONGEST_PAUSE_MS = 30_000;

/**
 * Calls back with each event of a stream; gives the way to stop. A stream that breaks is opened again by the browser.
 * One that is refused is closed for good by the browser: the access token has ended, too many are open, or the shop is
 * busy. It is asked for again here, with a growing pause, until the answer says that there is nothing to follow.
 */
export function listen<T>(path: string, event: string, onEvent: (value: T) => void): () => void {
  const stopped = new AbortController();
  let stream: EventSource | undefined;
  let pause = PAUSE_MS;
  let timer: number | undefined;
  const later = () => {
    timer = window.setTimeout(() => void ask(), pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  };
  const ask = async () => {
    const status = await statusOf(path, stopped.signal);
    if (stopped.signal.aborted) return;
    if (status === 200) open();
    else if (status === undefined || status === 429 || status >= 500) later();
  };
  const open = () => {
    const opened = new EventSource(path);
    stream = opened;
    opened.addEventListener("open", () => (pause = PAUSE_MS));
    opened.addEventListener(event, ({ data }) => onEvent(JSON.parse(data as string) as T));
    opened.addEventListener("error", () => {
      if (opened.readyState === EventSource.CLOSED && !stopped.signal.aborted) later();
    });
  };
  open();
  return () => {
    stopped.abort();
    window.clearTimeout(timer);
    stream?.close();
  };
}

/** With which status a stream would begin now, the session renewed if need be. Undefined: the shop cannot be reached. */
async function statusOf(path: string, stopped: AbortSignal): Promise<number | undefined> {
  const enough = new AbortController();
  try {
    const answer = await withSession(new Request(path, { signal: AbortSignal.any([stopped, enough.signal]) }));
    return answer.status;
  } catch {
    return undefined;
  } finally {
    enough.abort();
  }
}
