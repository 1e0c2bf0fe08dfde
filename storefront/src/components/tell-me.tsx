"use client";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/browser";
import { refusal } from "@/shop/problems";
import { Field } from "./field";
import { Form } from "./form";
import { Notice } from "./notice";

/** For who finds something sold out: a mail when it can be had again. `what`: its title with the chosen options. */
export function TellMe({ sku, what }: { sku: string; what: string }) {
  const [isAsked, setAsked] = useState(false);
  const done = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isAsked) done.current?.focus(); // the button that was pressed is gone
  }, [isAsked]);
  return (
    <section aria-labelledby="tell-me" className="card mt-4 p-5">
      <h2 id="tell-me" className="font-medium">Tell me when it is back</h2>
      {isAsked ? (
        <div className="mt-3"><Notice ref={done} tone="good">We will send you one e-mail as soon as it is back.</Notice></div>
      ) : (
        <>
          <p className="mt-1 mb-3 text-sm text-soft">One e-mail when {what} can be ordered again, and nothing else.</p>
          <Form
            action="Tell me"
            send={async (values) => {
              const { error, response } = await api.POST("/notifications/stock-wishes", { body: { sku, email: String(values.get("email")) } });
              if (!response.ok) return refusal(error);
              setAsked(true);
              return undefined;
            }}
          >
            {(errors) => <Field label="E-mail" name="email" type="email" autoComplete="email" required error={errors.email} />}
          </Form>
        </>
      )}
    </section>
  );
}
