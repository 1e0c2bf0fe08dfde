"use client";
import { useEffect, useRef, useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { inWords, type Refusal, refusal, sharedOut } from "@/shop/problems";
import { addressLines } from "@/words/addresses";
import type { Country } from "@/words/countries";
import { type Address, AddressFields, emptyAddress, EVERY_PART, toAddress } from "../address-fields";
import { BusyButton } from "../busy-button";
import { Notice } from "../notice";
import { focusOnFault } from "../form";
import { Own } from "./state";

type Saved = Schemas["AddressView"];

export function Addresses({ locale, country, countries }: { locale: string; country: string; countries: Country[] }) {
  const loaded = useOwn(() => api.GET("/users/me/addresses"));
  const [edited, setEdited] = useState<Saved | "new">();
  const [trouble, setTrouble] = useState<string>();
  const remove = async (id: string) => {
    const { error, response } = await api
      .DELETE("/users/me/addresses/{address_id}", { params: { path: { address_id: id } } })
      .catch((error: unknown) => ({ error, response: undefined }));
    setTrouble(response?.ok ? undefined : inWords(refusal(error)));
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
                setTrouble(undefined);
                loaded.reload();
              }}
              onStale={(problem) => {
                setEdited(undefined);
                setTrouble(inWords(problem));
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
                    <p className="mt-2 text-sm text-soft">{[address.default_shipping && "Usual delivery address", address.default_billing && "Usual billing address"].filter(Boolean).join(", ")}</p>
                    <p className="mt-3 flex gap-4">
                      <button type="button" className="link" onClick={() => setEdited(address)}>Change<span className="sr-only"> the address of {address.name}, {address.line1}</span></button>
                      <button type="button" className="link" onClick={() => void remove(address.id)}>Remove<span className="sr-only"> the address of {address.name}, {address.line1}</span></button>
                    </p>
                  </li>
                ))}
              </ul>
              {!items.length && <p className="text-soft">You have not saved an address yet.</p>}
              <p className="mt-6"><button type="button" className="button" onClick={() => setEdited("new")}>Add an address</button></p>
            </>
          )
        }
      </Own>
    </>
  );
}

function Editor(props: { first: Saved | "new"; country: string; countries: Country[]; onDone: () => void; onStale: (problem: Refusal) => void; onCancel: () => void }) {
  const { first, country, countries, onDone, onStale, onCancel } = props;
  const [address, setAddress] = useState<Address>(() => (first === "new" ? emptyAddress(country) : toAddress(first)));
  const [usual, setUsual] = useState({ default_shipping: first !== "new" && first.default_shipping, default_billing: first !== "new" && first.default_billing });
  const [refused, setRefused] = useState<Refusal>();
  const [isBusy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (refused) focusOnFault(form.current);
  }, [refused]);
  const said = refused && sharedOut(refused, (name) => name in EVERY_PART);
  return (
    <form
      ref={form}
      method="post"
      className="max-w-xl space-y-5"
      onSubmit={async (submit) => {
        submit.preventDefault();
        setBusy(true);
        const problem = await save(first, { ...address, ...usual });
        setBusy(false);
        if (!problem) onDone();
        else if (problem.code === "stale_version") onStale(problem);
        else setRefused(problem);
      }}
    >
      {said?.above && <Notice>{said.above}</Notice>}
      <AddressFields value={address} onChange={setAddress} errors={said?.fields ?? {}} countries={countries} section="shipping" />
      {(["default_shipping", "default_billing"] as const).map((name) => (
        <label key={name} className="flex items-center gap-3">
          <input type="checkbox" className="size-5 accent-pine" checked={usual[name]} onChange={({ target }) => setUsual({ ...usual, [name]: target.checked })} />
          {name === "default_shipping" ? "Use as my usual delivery address" : "Use as my usual billing address"}
        </label>
      ))}
      <p className="flex gap-3">
        <BusyButton type="submit" className="button" isBusy={isBusy}>{isBusy ? "Saving …" : "Save"}</BusyButton>
        <button type="button" className="button-quiet" onClick={onCancel}>Cancel</button>
      </p>
    </form>
  );
}

async function save(first: Saved | "new", body: Schemas["WriteAddress"]): Promise<Refusal | undefined> {
  try {
    const { data, error } = first === "new"
      ? await api.POST("/users/me/addresses", { body })
      : await api.PUT("/users/me/addresses/{address_id}", { params: { path: { address_id: first.id }, header: { "If-Match": `"${first.version}"` } }, body });
    return data ? undefined : refusal(error);
  } catch (error) {
    return refusal(error);
  }
}
