"use client";
import { useId } from "react";
import type { Schemas } from "@/api/browser";
import { type Country, needsRegion } from "@/words/countries";
import { inSentence } from "@/words/sentence";
import { Field } from "./field";

export type Address = Schemas["PostalAddress"];

export const emptyAddress = (country: string): Address => ({ name: "", line1: "", postal_code: "", city: "", country });

/** The parts that `AddressFields` has a field for. */
export const EVERY_PART: Record<keyof Address, true> = {
  name: true, company: true, line1: true, line2: true, postal_code: true, city: true, region: true, country: true,
};

/** The postal part of an address that the customer has kept. */
export function toAddress({ name, company, line1, line2, postal_code, city, region, country }: Schemas["AddressView"]): Address {
  return { name, line1, postal_code, city, country, ...(company && { company }), ...(line2 && { line2 }), ...(region && { region }) };
}

interface Props {
  value: Address;
  onChange: (value: Address) => void;
  /** Part of the address -> what is wrong with it. */
  errors: Record<string, string>;
  /** By their names, sorted: written by the server, since browsers and servers do not know the same names. */
  countries: Country[];
  /** HTML's autofill section: `shipping` or `billing`. */
  section: "shipping" | "billing";
}

/** The parts of a postal address, named so that browsers fill them in. Which are needed is the country's matter: the API says. */
export function AddressFields({ value, onChange, errors, countries, section }: Props) {
  const id = useId();
  const part = (name: keyof Address, autoComplete: string, isRequired = true) => ({
    name: `${section}-${name}`,
    value: value[name] ?? "",
    error: errors[name],
    autoComplete: `${section} ${autoComplete}`,
    required: isRequired,
    maxLength: 200,
    onChange: (change: React.ChangeEvent<HTMLInputElement>) =>
      onChange({ ...value, [name]: change.target.value || (isRequired ? "" : null) }),
  });
  return (
    <div className="grid gap-4 sm:grid-cols-6">
      <div className="sm:col-span-6">
        <label htmlFor={id} className="mb-1 block text-sm font-medium">Country</label>
        <select
          id={id}
          className="field"
          value={value.country}
          aria-invalid={errors.country ? true : undefined}
          aria-describedby={errors.country ? `${id}-note` : undefined}
          autoComplete={`${section} country`}
          onChange={(change) => onChange({ ...value, country: change.target.value, region: null })}
        >
          {countries.map(({ code, name }) => <option key={code} value={code}>{name}</option>)}
        </select>
        {errors.country && <p id={`${id}-note`} className="mt-1 text-sm text-alarm">{inSentence(errors.country)}</p>}
      </div>
      <Field className="sm:col-span-3" label="Name" {...part("name", "name")} />
      <Field className="sm:col-span-3" label="Company" {...part("company", "organization", false)} />
      <Field className="sm:col-span-6" label="Street and number" {...part("line1", "address-line1")} />
      <Field className="sm:col-span-6" label="Apartment, floor, c/o" {...part("line2", "address-line2", false)} />
      <Field className="sm:col-span-2" label="Postal code" {...part("postal_code", "postal-code")} required={undefined} />
      <Field className="sm:col-span-4" label="Town or city" {...part("city", "address-level2")} />
      {(needsRegion(value.country) || errors.region) && (
        <Field className="sm:col-span-6" label="State, province or region" {...part("region", "address-level1")} />
      )}
    </div>
  );
}
