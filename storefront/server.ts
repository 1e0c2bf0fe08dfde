/**
 * The storefront's server: Next, behind a filter that knows how each answer ended.
 *
 * - A page bears the surrogate keys of the API answers it was made of, and the edge may keep it only if every one of
 *   them was public. Next cannot say so itself: a server component sets no headers, and what can set them does not know
 *   the status yet.
 * - Each inline script that Next has written is allowed by its hash, so that a cached page needs no nonce and no
 *   'unsafe-inline'.
 * - Whatever is not a whole page (an error, a redirect) is not kept.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import next from "next";
import { filtered } from "./src/page/filter.ts";
import { isReachable } from "./src/page/origin.ts";
import { renewPages } from "./src/page/renewal.ts";
import { settings } from "./src/settings.ts";

/** How long a request may take to arrive, in milliseconds: a client that sends byte by byte is sent away. */
const ARRIVAL_MS = 30_000;
/** What is a file here by its beginning would be a page to Next, which resolves such segments. The edge refuses them, too. */
const DOT_SEGMENT = /^[^?]*([/\\]|%2f|%5c)(\.|%2e){1,2}([/\\?]|%2f|%5c|$)/i;

const { host, port } = settings();
const app = next({ dev: false, dir: import.meta.dirname, hostname: host, port });
await app.prepare();
const handle = app.getRequestHandler();

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? "/";
  if (DOT_SEGMENT.test(path)) return plain(response, 400, "This address cannot be read.");
  if (path === "/livez") return plain(response, 200, "alive");
  // Sick when the API is gone: the edge then goes on with the pages it has instead of asking for errors.
  if (path === "/readyz") return (await isReachable()) ? plain(response, 200, "ready") : plain(response, 503, "no API");
  if (path.startsWith("/_next/static/")) return handle(request, response);
  await filtered(request, response, handle);
}

function plain(response: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`;
  // With its length, for HEAD has none to be counted and must have the headers of GET.
  const headers = { "Content-Type": "text/plain; charset=utf-8", "Content-Length": Buffer.byteLength(body), "Cache-Control": "no-store" };
  response.writeHead(status, headers);
  response.end(body);
}

const server = createServer({ headersTimeout: ARRIVAL_MS, requestTimeout: ARRIVAL_MS }, (request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    if (!response.headersSent) plain(response, 500, "This page could not be made.");
    else response.destroy();
  });
});

// What runs is finished; idle connections end at once, so that the process does.
function stop(): void {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
server.listen(port, host, () => {
  renewPages().catch((error: unknown) => console.error(error));
});
