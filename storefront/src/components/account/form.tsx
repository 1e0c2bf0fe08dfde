"use client";
import { type ReactNode, useState } from "react";
import { byField, inWords, type Refusal } from "@/shop/problems";
import { Notice } from "../notice";

interface Props {
  /** Sends what was typed; gives the refusal if there is one. */
  send: (values: FormData) => Promise<Refusal | undefined>;
  action: string;
  children: (errors: Record<string, string>) => ReactNode;
}

/** A form that sends itself, waits, and shows what was refused: beside the field where it is known, else above. */
export function Form({ send, action, children }: Props) {
  const [refused, setRefused] = useState<Refusal>();
  const [isBusy, setBusy] = useState(false);
  const errors = refused ? byField(refused) : {};
  return (
    <form
      className="grid gap-4"
      onSubmit={async (submit) => {
        submit.preventDefault();
        setBusy(true);
        setRefused(await send(new FormData(submit.currentTarget)));
        setBusy(false);
      }}
    >
      {refused && !Object.keys(errors).length && <Notice>{inWords(refused)}</Notice>}
      {children(errors)}
      <button type="submit" className="button mt-2" disabled={isBusy}>{isBusy ? "One moment …" : action}</button>
    </form>
  );
}
