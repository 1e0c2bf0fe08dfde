/** What this browser remembers between pages, and that no server needs: who it said hello to, and how full its cart is. */
const CART = "bodega.cart-pieces";
const NAME = "bodega.name";
const CHANGED = "bodega:changed";

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is refused (private windows): then nothing is remembered
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // storage is refused: the page still works, it only forgets
  }
  window.dispatchEvent(new Event(CHANGED));
}

export const rememberPieces = (pieces: number): void => write(CART, pieces ? String(pieces) : null);
export const piecesRemembered = (): number => Number(read(CART) ?? 0);
/** Signed in, as far as this browser knows; the session's cookies decide. */
export const rememberName = (name: string | null): void => write(NAME, name);
export const nameRemembered = (): string | null => read(NAME);

/** Calls back when this or another tab has changed what is remembered; gives the way to stop it. */
export function onMemory(callback: () => void): () => void {
  window.addEventListener(CHANGED, callback);
  window.addEventListener("storage", callback);
  return () => {
    window.removeEventListener(CHANGED, callback);
    window.removeEventListener("storage", callback);
  };
}
