import "server-only";
import type { NextRequest } from "next/server";
import { callHeaders } from "./origin";
import { settings } from "@/settings";

/** How long a form waits for the API, in milliseconds. */
const PATIENCE_MS = 8000;

/** The answer to a form of a page that works without scripts: on to `path`. Addresses stay relative: the edge has its own. */
export function onTo(path: string, cookies: string[] = []): Response {
  const headers = new Headers({ Location: path, "Cache-Control": "private, no-store" });
  for (const cookie of cookies) headers.append("Set-Cookie", cookie);
  return new Response(null, { status: 303, headers });
}

/**
 * The answer to a page or form whose access token has ended: by way of auth, which alone gets the refresh token, and back
 * to `path`. A form is sent again there with all that was typed (307).
 */
export function renewed(path: string): Response {
  return new Response(null, { status: 307, headers: { Location: renewalOf(path), "Cache-Control": "private, no-store" } });
}

/** Where a browser's session is renewed, also without scripts. */
export const renewalOf = (path: string): string => `/api/auth/renew?next=${encodeURIComponent(path)}`;

/** A form of one of our own pages: a browser sends our cookies along with anybody's. Else the answer to what it is. */
export async function formOf(request: NextRequest): Promise<FormData | Response> {
  if (request.headers.get("origin") !== settings().siteUrl) return refused(403, "This form was not sent by the shop.");
  const kind = request.headers.get("content-type") ?? "";
  if (!/^(multipart\/form-data|application\/x-www-form-urlencoded)\b/i.test(kind)) return refused(415, "This is not a form.");
  try {
    return await request.formData();
  } catch (error) {
    if (error instanceof TypeError) return refused(400, "This form cannot be read.");
    throw error;
  }
}

function refused(status: number, why: string): Response {
  return new Response(`${why}\n`, { status, headers: { "Content-Type": "text/plain; charset=utf-8" } });
}

/** Passes what a form wants on to the API as the shopper who sent it. */
export async function callAs(request: NextRequest, method: string, path: string, body: unknown, more: Record<string, string> = {}): Promise<Response> {
  return fetch(`${settings().apiUrl}${path}`, {
    method,
    headers: {
      "Content-Type": "application/json",
      Origin: settings().siteUrl,
      Cookie: request.headers.get("cookie") ?? "",
      ...more,
      ...callHeaders(request.headers.get("x-forwarded-for") ?? undefined),
    },
    body: body === undefined ? null : JSON.stringify(body),
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}
