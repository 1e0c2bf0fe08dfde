import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { contentPolicy } from "./policy.ts";
import { Sources, sources } from "./sources.ts";

/** How long the edge may keep a page that nothing purges, in seconds: the bound on a lost purge, not a way to be fresh. */
const PAGE_SECONDS = 3600;

/** Borne by every page: a new storefront's pages name other script files, so the earlier ones go when it starts. */
export const PAGES = "pages";

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Lets Next answer into memory, then sends the answer with the headers that follow from how it ended. */
export async function filtered(request: IncomingMessage, response: ServerResponse, handle: Handler): Promise<void> {
  const page = new Sources(request);
  hold(response, (body) => dress(response, body, page, request.url ?? "/"));
  await sources.run(page, () => handle(request, response));
}

/** Holds back what is written to a response until it has ended; `finish` may still change its headers then. */
function hold(response: ServerResponse, finish: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  const { end } = response;
  let done = false;
  const keep = (chunk: unknown, encoding?: unknown): void => {
    if (chunk === undefined || chunk === null || typeof chunk === "function") return;
    const charset = typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8";
    parts.push(typeof chunk === "string" ? Buffer.from(chunk, charset) : Buffer.from(chunk as Uint8Array));
  };
  const called = (...candidates: unknown[]): void => {
    const callback = candidates.find((candidate) => typeof candidate === "function");
    if (callback) process.nextTick(callback as () => void);
  };
  response.flushHeaders = () => undefined;
  response.writeHead = ((status: number, ...rest: unknown[]) => {
    response.statusCode = status;
    const headers = rest.find((value) => typeof value === "object" && value !== null) ?? {};
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value as string);
    return response;
  }) as typeof response.writeHead;
  response.write = ((chunk: unknown, encoding?: unknown, callback?: unknown) => {
    keep(chunk, encoding);
    called(encoding, callback);
    return true;
  }) as typeof response.write;
  response.end = ((chunk?: unknown, encoding?: unknown, callback?: unknown) => {
    if (done) return response;
    done = true;
    keep(chunk, encoding);
    const body = Buffer.concat(parts);
    finish(body);
    // From here on the response is an ordinary one again.
    delete (response as Partial<ServerResponse>).writeHead;
    delete (response as Partial<ServerResponse>).write;
    delete (response as Partial<ServerResponse>).flushHeaders;
    response.end = end;
    response.removeHeader("Transfer-Encoding");
    if (response.statusCode !== 304 && response.statusCode !== 204) response.setHeader("Content-Length", body.length);
    response.end(body);
    called(chunk, encoding, callback);
    return response;
  }) as typeof response.end;
}

function dress(response: ServerResponse, body: Buffer, page: Sources, path: string): void {
  const type = String(response.getHeader("Content-Type") ?? "");
  const isDocument = type.startsWith("text/html");
  const isData = type.startsWith("text/x-component");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Referrer-Policy", "strict-origin-when-cross-origin");
  if (isDocument) response.setHeader("Content-Security-Policy", contentPolicy(path, inlineHashes(body)));
  if (isDocument || isData || response.statusCode !== 200) {
    response.setHeader("Cache-Control", lifetime(response, page));
    response.removeHeader("Vary"); // the edge keeps documents and their data apart by a key of its own
    page.keys.add(PAGES);
  }
  if (page.keys.size) response.setHeader("xkey", [...page.keys].join(" "));
  if (page.version) response.setHeader("X-Data-Version", page.version);
}

function lifetime(response: ServerResponse, page: Sources): string {
  if (page.personal || response.hasHeader("Set-Cookie")) return "private, no-store";
  if (response.statusCode === 200) return `public, max-age=0, s-maxage=${PAGE_SECONDS}`;
  // A moved or missing page: long enough to spare the shop a crowd, short enough for what is published next.
  if ([301, 308, 404].includes(response.statusCode)) return "public, max-age=0, s-maxage=1";
  return "no-store";
}

/** The hashes of a document's inline scripts, as CSP Level 3 wants them. Data blocks (JSON-LD) are not executed. */
function inlineHashes(body: Buffer): string[] {
  const hashes = new Set<string>();
  for (const [, attributes = "", text = ""] of body.toString("utf8").matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)) {
    if (/\bsrc=/.test(attributes) || /\btype="application\/(ld\+)?json"/.test(attributes)) continue;
    hashes.add(`'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`);
  }
  return [...hashes];
}
