import "server-only";
import type { NextRequest } from "next/server";
import { callHeaders } from "./origin";
import { settings } from "@/settings";

/** The answer to a form of a page that works without scripts: on to `path`. Addresses stay relative: the edge has its own. */
export function onTo(path: string, cookies: string[] = []): Response {
  const headers = new Headers({ Location: path, "Cache-Control": "private, no-store" });
  for (const cookie of cookies) headers.append("Set-Cookie", cookie);
  return new Response(null, { status: 303, headers });
}

/** Whether a form was sent by one of our own pages: a browser sends our cookies along with anybody's. */
export function isOurs(request: NextRequest): boolean {
  return request.headers.get("origin") === settings().siteUrl;
}

/** Passes what a form wants on to the API as the shopper who sent it. */
export async function callAs(request: NextRequest, method: string, path: string, body: unknown): Promise<Response> {
  return fetch(`${settings().apiUrl}${path}`, {
    method,
    headers: {
      "Content-Type": "application/json",
      Origin: settings().siteUrl,
      Cookie: request.headers.get("cookie") ?? "",
      ...callHeaders(request.headers.get("x-forwarded-for") ?? undefined),
    },
    body: body === undefined ? null : JSON.stringify(body),
    cache: "no-store",
  });
}
