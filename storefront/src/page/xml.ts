// What XML 1.0 cannot hold, not even escaped.
const IMPOSSIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** Text, as it stands in an element or attribute of XML. */
export function escaped(text: string): string {
  return text.replace(IMPOSSIBLE, "").replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign);
}

/** An element with text in it; nothing, if there is no text. */
export function element(name: string, text: string | undefined): string {
  return text ? `<${name}>${escaped(text)}</${name}>` : "";
}

/** The answer of a route with a document of XML. */
export function xmlAnswer(root: string): Response {
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n${root}\n`, { headers: { "Content-Type": "application/xml; charset=utf-8" } });
}
