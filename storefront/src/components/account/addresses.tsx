"use client";
import { useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { byField, inWords, refusal } from "@/shop/problems";
import { addressLines } from "@/words/addresses";
import type { Country } from "@/words/countries";
import { type Address, AddressFields, emptyAddress, toAddress } from "../address-fields";
import { Notice } from "../notice";
import { Own } from "./state";

type Saved = Schemas["AddressView"];

export function Addresses({ locale, country, countries }: { locale: string; country: string; countries: Country[] }) {
  const loaded = useOwn(() => api.GET("/users/me/addresses"));
  const [edited, setEdited] = useState<Saved | "new">();
  const [trouble, setTrouble] = useState<string>();
  const remove = async (id: string) => {
    const { error, response } = await api.DELETE("/users/me/addresses/{address_id}", { params: { path: { address_id: id } } });
    setTrouble(response.ok ? undefined : inWords(refusal(error)));
    loaded.reload();
  };
  return (
    <>
      <h1 className="title mb-6">Addresses</h1>
      {trouble && <div className="mb-4"><Notice>{trouble}</Notice></div>}
      <Own loaded={loaded}>
        {({ items }) =>
          edited ? (
            <Editor
              first={edited}
              country={country}
              countries={countries}
              onDone={() => {
                setEdited(undefined);
                loaded.reload();
              }}
              onCancel={() => setEdited(undefined)}
            />
          ) : (
            <>
              <ul className="grid gap-4 sm:grid-cols-2">
                {items.map((address) => (
                  <li key={address.id} className="card p-5">
                    <address className="not-italic">{addressLines(address, locale).map((line) => <span key={line} className="block">{line}</span>)}</address>
                    <p className="mt-2 text-sm text-soft">{[address.default_shipping && "for parcels", address.default_billing && "for invoices"].filter(Boolean).join(", ")}</p>
                    <p className="mt-3 flex gap-4">
                      <button type="button" className="link" onClick={() => setEdited(address)}>Change<span className="sr-only"> the address of {address.name}, {address.line1}</span></button>
                      <button type="button" className="link" onClick={() => void remove(address.id)}>Remove<span className="sr-only"> the address of {address.name}, {address.line1}</span></button>
                    </p>
                  </li>
                ))}
              </ul>
              {!items.length && <p className="text-soft">None kept yet.</p>}
              <p className="mt-6"><button type="button" className="button" onClick={() => setEdited("new")}>Add an address</button></p>
            </>
          )
        }
      </Own>
    </>
  );
}

function Editor(props: { first: Saved | "new"; country: string; countries: Country[]; onDone: () => void; onCancel: () => void }) {
  const { first, country, countries, onDone, onCancel } = props;
  const [address, setAddress] = useState<Address>(() => (first === "new" ? emptyAddress(country) : toAddress(first)));
  const [usual, setUsual] = useState({ default_shipping: first !== "new" && first.default_shipping, default_billing: first !== "new" && first.default_billing });
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [trouble, setTrouble] = useState<string>();
  return (
    <form
      className="max-w-xl space-y-5"
      onSubmit={async (submit) => {
        submit.preventDefault();
        const body = { ...address, ...usual };
        const { data, error } = first === "new"
          ? await api.POST("/users/me/addresses", { body })
          : await api.PUT("/users/me/addresses/{address_id}", { params: { path: { address_id: first.id }, header: { "If-Match": String(first.version) } }, body });
        if (data) return onDone();
        const refused = refusal(error);
        setErrors(byField(refused));
        setTrouble(Object.keys(byField(refused)).length ? undefined : inWords(refused));
      }}
    >
      {trouble && <Notice>{trouble}</Notice>}
      <AddressFields value={address} onChange={setAddress} errors={errors} countries={countries} section="shipping" />
      {(["default_shipping", "default_billing"] as const).map((name) => (
        <label key={name} className="flex items-center gap-3">
          <input type="checkbox" className="size-5 accent-pine" checked={usual[name]} onChange={({ target }) => setUsual({ ...usual, [name]: target.checked })} />
          {name === "default_shipping" ? "Parcels go here unless I say otherwise" : "Invoices go here unless I say otherwise"}
        </label>
      ))}
      <p className="flex gap-3">
        <button type="submit" className="button">Save</button>
        <button type="button" className="button-quiet" onClick={onCancel}>Leave it</button>
      </p>
    </form>
  );
}
