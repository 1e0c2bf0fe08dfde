import type { Metadata } from "next";
import { Addresses } from "@/components/account/addresses";
import { settings } from "@/settings";
import { countries } from "@/words/countries";

export const metadata: Metadata = { title: "Addresses", robots: { index: false } };

export default function AddressesPage() {
  const { locale, country } = settings();
  return <Addresses locale={locale} country={country} countries={countries(locale)} />;
}
