const HOME = "/account";

/**
 * The path of this shop that an address's `next` names; the account, if it leads anywhere else. It is read as browsers
 * read it, who drop tabs and line ends and take `\` for `/`, and only what is left of the path is passed on.
 */
export function nextPath(search: string, origin: string): string {
  const next = new URLSearchParams(search).get("next") ?? HOME;
  if (!next.startsWith("/") || !URL.canParse(next, origin)) return HOME;
  const target = new URL(next, origin);
  const path = target.pathname + target.search + target.hash;
  return target.origin === origin && !path.startsWith("//") ? path : HOME;
}
