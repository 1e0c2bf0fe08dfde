import { type Merchant, settings } from "@/settings";

/** The lines of the merchant's postal address; none, if it is not filled in. */
export function addressLines({ name, street, postal_code, city }: Merchant): string[] {
  const { country, locale } = settings();
  if (!street || !city) return name ? [name] : [];
  return [name, street, `${postal_code} ${city}`.trim(), new Intl.DisplayNames(locale, { type: "region" }).of(country) ?? country].filter(Boolean);
}

/** What the merchant is called on the pages: by the registered name, or the shop's while that is not filled in. */
export function sellerName(): string {
  const { merchant, shopName } = settings();
  return merchant.name || shopName;
}

/** Name and postal address. Nothing, if neither is filled in. */
export function PostalAddress() {
  const lines = addressLines(settings().merchant);
  if (!lines.length) return null;
  return <address className="not-italic">{lines.map((line) => <span key={line} className="block">{line}</span>)}</address>;
}

/** E-mail and phone, as far as they are filled in. */
export function Reach() {
  const { email, phone } = settings().merchant;
  if (!email && !phone) return null;
  return (
    <p>
      {email && <span className="block">E-mail: <a className="link" href={`mailto:${email}`}>{email}</a></span>}
      {phone && <span className="block">Phone: <a className="link" href={`tel:${phone.replace(/[^+\d]/g, "")}`}>{phone}</a></span>}
    </p>
  );
}
