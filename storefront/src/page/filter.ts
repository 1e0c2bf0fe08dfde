import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { contentPolicy } from "./policy.ts";
import { afterFirstPaint } from "./scripts.ts";
import { Sources, sources } from "./sources.ts";

/** How long the edge may keep a page that nothing purges, in seconds: the bound on a lost purge, not a way to be fresh. */
const PAGE_SECONDS = 3600;

/** Borne by every page: a new storefront's pages name other script files, so the earlier ones go when it starts. */
export const PAGES = "pages";

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Lets Next answer into memory, then sends the answer with the headers that follow from how it ended. */
export async function filtered(request: IncomingMessage, response: ServerResponse, handle: Handler): Promise<void> {
  const page = new Sources(request);
  // Next marks what it writes itself by the nonce of this header. The nonce never leaves the server: see `inlineHashes`.
  const nonce = randomBytes(16).toString("hex");
  request.headers["content-security-policy"] = `script-src 'nonce-${nonce}'`;
  // A HEAD is answered as the GET, so that its headers are the same; Node itself leaves out the body.
  if (request.method === "HEAD") request.method = "GET";
  hold(response, (body) => dress(response, body, page, request.url ?? "/", nonce));
  await sources.run(page, () => handle(request, response));
}

/** Holds back what is written to a response until it has ended; `finish` may still change headers and body then. */
function hold(response: ServerResponse, finish: (body: Buffer) => Buffer): void {
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
    const body = finish(Buffer.concat(parts));
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

function dress(response: ServerResponse, body: Buffer, page: Sources, path: string, nonce: string): Buffer {
  const type = String(response.getHeader("Content-Type") ?? "");
  const isDocument = type.startsWith("text/html");
  const isData = type.startsWith("text/x-component");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Referrer-Policy", "strict-origin-when-cross-origin");
  const written = isDocument || isData ? body.toString("utf8") : "";
  const text = isDocument ? afterFirstPaint(written, path, nonce) : written;
  if (isDocument) response.setHeader("Content-Security-Policy", contentPolicy(path, inlineHashes(text, nonce)));
  response.setHeader("Cache-Control", lifetime(response, page));
  response.removeHeader("Vary"); // the edge keeps documents and their data apart by a key of its own
  page.keys.add(PAGES);
  if (page.keys.size) response.setHeader("xkey", [...page.keys].join(" "));
  if (page.version) response.setHeader("X-Data-Version", page.version);
  const links = response.getHeader("Link");
  if (typeof links === "string") response.setHeader("Link", links.replaceAll(`; nonce="${nonce}"`, ""));
  return text ? Buffer.from(withoutNonce(text, nonce)) : body;
}

function lifetime(response: ServerResponse, page: Sources): string {
  if (page.personal || response.hasHeader("Set-Cookie")) return "private, no-store";
  if (page.request.method !== "GET" || page.lacks) return "no-store";
  if (response.statusCode === 200) return `public, max-age=0, s-maxage=${PAGE_SECONDS}`;
  // A moved or missing page: long enough to spare the shop a crowd, short enough for what is published next.
  if ([301, 308, 404].includes(response.statusCode)) return "public, max-age=0, s-maxage=1";
  return "no-store";
}

/**
 * The hashes of the inline scripts that Next has written, as CSP Level 3 wants them: those that bear the nonce. Whatever
 * else has found its way into the document bears none, and does not run. The page is cached, so its readers share it:
 * hashes may be known, a nonce may not.
 */
function inlineHashes(document: string, nonce: string): string[] {
  const hashes = new Set<string>();
  for (const [, attributes = "", text = ""] of document.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)) {
    if (!attributes.includes(` nonce="${nonce}"`) || /\ssrc=/.test(attributes)) continue;
    hashes.add(`'sha256-${createHash("sha256").update(withoutNonce(text, nonce), "utf8").digest("base64")}'`);
  }
  return [...hashes];
}

function withoutNonce(text: string, nonce: string): string {
  return text.replaceAll(` nonce="${nonce}"`, "").replaceAll(nonce, "");
}
