import { formatAddress } from "localized-address-format";
import type { components } from "@/api/schema";

/** The lines of a postal address as the post of its country wants them; the country last, in the reader's language. */
export function addressLines(address: components["schemas"]["Address"], locale: string): string[] {
  const { name, company, line1, line2, postal_code, city, region, country } = address;
  const lines = formatAddress({
    postalCountry: country,
    administrativeArea: region ?? undefined,
    locality: city,
    postalCode: postal_code || undefined,
    organization: company ?? undefined,
    name,
    addressLines: [line1, line2].filter((line): line is string => Boolean(line)),
  });
  return [...lines, new Intl.DisplayNames(locale, { type: "region" }).of(country) ?? country];
}
