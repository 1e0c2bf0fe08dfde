import "server-only";
import { cookies } from "next/headers";
import { settings } from "@/settings";
import { sources } from "./sources";

/** A statement of withdrawal on its way through the two steps, and what was answered to it. */
export interface Statement {
  name: string;
  number: string;
  email: string;
  /** What is withdrawn from, if it is not the whole order. */
  goods?: string;
  /** The same however often "Confirm" is pressed: one statement. */
  key: string;
  receipt?: { id: string; received_at: string };
}

const COOKIE = "bodega_withdrawal";
const PATH = "/withdraw";
const SECONDS = 1800;
/** More would not fit into a cookie, in any script. */
export const MOST_GOODS = 600;

/**
 * The statement that this browser is making. It is kept by the browser, for half an hour and for these pages alone, so that
 * both steps work without scripts and no name or address stands in an address. The page becomes this shopper's own.
 */
export async function statementOf(): Promise<Partial<Statement>> {
  const page = sources.getStore();
  if (page) page.personal = true;
  return parsed((await cookies()).get(COOKIE)?.value);
}

export function parsed(value: string | undefined): Partial<Statement> {
  if (!value) return {};
  try {
    return (JSON.parse(Buffer.from(value, "base64url").toString("utf8")) as Partial<Statement> | null) ?? {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

export const statementIn = (request: { cookies: { get(name: string): { value: string } | undefined } }): Partial<Statement> =>
  parsed(request.cookies.get(COOKIE)?.value);

export function kept(statement: Statement): string {
  const value = Buffer.from(JSON.stringify(statement), "utf8").toString("base64url");
  const secure = settings().siteUrl.startsWith("https:") ? "; Secure" : "";
  return `${COOKIE}=${value}; Path=${PATH}; Max-Age=${SECONDS}; HttpOnly; SameSite=Strict${secure}`;
}
