import { settings } from "../settings.ts";

const STRIPE = "https://js.stripe.com";

/** The Content-Security-Policy of a document. `hashes` allow its inline scripts; nothing else inline runs or styles. */
export function contentPolicy(path: string, hashes: string[]): string {
  const card = path.startsWith("/checkout") ? settings().cardOrigin : undefined;
  const rules: Record<string, string[]> = {
    "default-src": ["'none'"],
    "script-src": ["'self'", ...hashes],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "manifest-src": ["'self'"],
    "frame-src": [card ?? "'none'"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
  };
  if (card === STRIPE) {
    // What Stripe.js asks for in its security guide.
    rules["script-src"]?.push(STRIPE);
    rules["frame-src"]?.push("https://*.js.stripe.com", "https://hooks.stripe.com");
    rules["connect-src"]?.push("https://api.stripe.com");
  }
  return Object.entries(rules)
    .map(([name, sources]) => `${name} ${sources.join(" ")}`)
    .join("; ");
}
