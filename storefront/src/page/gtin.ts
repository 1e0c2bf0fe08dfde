const LENGTHS = [8, 12, 13, 14];
/** GS1 prefixes for use inside a company: nobody else knows the article by such a number. */
const INTERNAL = /^0*(02|04|2)\d/;

/** A barcode as a GTIN (GS1: 8, 12, 13 or 14 digits with a check digit). Undefined: it is none. */
export function gtinOf(barcode: string | null | undefined): string | undefined {
  const digits = (barcode ?? "").replace(/[ -]/g, "");
  if (!/^\d+$/.test(digits) || !LENGTHS.includes(digits.length)) return undefined;
  const sum = [...digits].reverse().reduce((total, digit, place) => total + Number(digit) * (place % 2 ? 3 : 1), 0);
  return sum % 10 ? undefined : digits;
}

/** A GTIN that is the article's all over the world, as shopping services want it. */
export function worldwideGtinOf(barcode: string | null | undefined): string | undefined {
  const gtin = gtinOf(barcode);
  if (!gtin || gtin.length === 8) return gtin;
  return INTERNAL.test(gtin.padStart(13, "0").replace(/^0(?=\d{13}$)/, "")) ? undefined : gtin;
}
