/** Pages that are frames until scripts have asked for what is one shopper's own. */
const FILLED_BY_SCRIPTS = /^\/(account|checkout|orders)(\/|\?|$)/;

/**
 * Lets a document's scripts begin once it has been painted, if it is whole without them, as all pages with goods are.
 *
 * Next writes them as `async`: a browser fetches them beside the fonts and pictures of the first screen, and runs them as
 * soon as they are there, mostly just before it would have painted.
 */
export function afterFirstPaint(document: string, path: string, nonce: string): string {
  if (FILLED_BY_SCRIPTS.test(path)) return document;
  const sources: string[] = [];
  const without = document.replace(/<script\b([^>]*)><\/script>/g, (tag, attributes: string) => {
    const source = / src="(\/_next\/static\/[\w./-]+)"/.exec(attributes)?.[1];
    if (!source || !attributes.includes(` nonce="${nonce}"`) || !attributes.includes(' async=""')) return tag;
    sources.push(source);
    return "";
  });
  if (!sources.length) return document;
  return without.replace("</body>", () => `<script nonce="${nonce}">${BEGIN}(${JSON.stringify(sources)})</script></body>`);
}

/**
 * A frame's callback runs before it is painted, a timer that it sets after. Who paints nothing is not waited for: a tab in
 * the background, or a program that reads pages. With `async`, by which React knows the scripts that are there.
 */
const BEGIN = `(function(s){var d=0;function b(){if(!d++)s.forEach(function(u){var e=document.createElement("script");e.src=u;e.async=true;document.head.append(e)})}if(document.hidden)return b();requestAnimationFrame(function(){setTimeout(b)});setTimeout(b,1e3)})`;
