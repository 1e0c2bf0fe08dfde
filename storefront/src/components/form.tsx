"use client";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { type Refusal, refusal, sharedOut } from "@/shop/problems";
import { BusyButton } from "./busy-button";
import { Notice } from "./notice";
import { useHasScripts } from "./scripts";

interface Props {
  /** Sends what was typed; gives the refusal if there is one. */
  send: (values: FormData) => Promise<Refusal | undefined>;
  action: string;
  children: (errors: Record<string, string>) => ReactNode;
}

/**
 * A form that sends itself, waits, and shows what was refused: beside the field where the form has one of that name, else
 * above. The focus goes to what is said.
 */
export function Form({ send, action, children }: Props) {
  const [refused, setRefused] = useState<Refusal>();
  const [isBusy, setBusy] = useState(false);
  const hasScripts = useHasScripts();
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (refused) focusOnFault(form.current);
  }, [refused]);
  const { asked, errors } = recording(refused);
  const fields = children(errors);
  const above = refused && sharedOut(refused, (name) => asked.has(name)).above;
  return (
    <form
      ref={form}
      method="post" // whatever happens, nothing that is typed here gets into an address
      className="grid gap-4"
      onSubmit={async (submit) => {
        submit.preventDefault();
        const values = new FormData(submit.currentTarget);
        setBusy(true);
        setRefused(await send(values).catch((error: unknown) => refusal(error)));
        setBusy(false);
      }}
    >
      {above && <Notice>{above}</Notice>}
      {fields}
      <noscript><p className="text-soft">Please allow JavaScript for this page: the form needs it.</p></noscript>
      <BusyButton type="submit" className="button mt-2" isBusy={isBusy} disabled={!hasScripts}>{isBusy ? "One moment …" : action}</BusyButton>
    </form>
  );
}

/** The first thing in a form that is said to be wrong: the notice above it, or a field. */
export function focusOnFault(form: HTMLElement | null): void {
  form?.querySelector<HTMLElement>("[role=alert], [aria-invalid=true]")?.focus();
}

/** The errors of a refusal, by field; `asked` holds the names that the form has fields for. */
function recording(refused: Refusal | undefined): { asked: Set<string>; errors: Record<string, string> } {
  const asked = new Set<string>();
  const fields = refused ? sharedOut(refused, () => true).fields : {};
  const errors = new Proxy(fields, {
    get: (all, name) => {
      asked.add(String(name));
      return all[String(name)];
    },
  });
  return { asked, errors };
}
