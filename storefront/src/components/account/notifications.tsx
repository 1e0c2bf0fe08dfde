"use client";
import { useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { refusal } from "@/shop/problems";
import { Field } from "../field";
import { Notice } from "../notice";
import { Form } from "./form";
import { Own } from "./state";

export function Notifications() {
  const loaded = useOwn(() => api.GET("/notifications/preferences"));
  const [isSaved, setSaved] = useState(false);
  return (
    <>
      <h1 className="title mb-6">Notifications</h1>
      <Own loaded={loaded}>
        {(preferences: Schemas["Preferences"]) => (
          <div className="max-w-md">
            {isSaved && <div className="mb-4"><Notice tone="good">Saved.</Notice></div>}
            <Form
              action="Save"
              send={async (values) => {
                setSaved(false);
                const phone = String(values.get("phone") ?? "").replaceAll(/[\s()/.-]/g, "");
                const [shipped, delivered] = ["sms-shipped", "sms-delivered"].map((name) => values.get(name) === "on");
                const text_messages = phone ? { phone, shipped: shipped ?? false, delivered: delivered ?? false } : null;
                const { data, error } = await api.PUT("/notifications/preferences", { body: { delivery_mails: values.get("delivery") === "on", text_messages } });
                if (!data) return refusal(error);
                setSaved(true);
                return undefined;
              }}
            >
              {(errors) => (
                <>
                  <p className="text-soft">Confirmations and what concerns your money are always sent.</p>
                  <label className="flex items-center gap-3">
                    <input type="checkbox" name="delivery" defaultChecked={preferences.delivery_mails} className="size-5 accent-pine" />
                    A mail when a parcel has arrived
                  </label>
                  <h2 className="mt-6 font-serif text-2xl">Text messages</h2>
                  <Field
                    label="Mobile number"
                    name="phone"
                    type="tel"
                    autoComplete="tel"
                    required={false}
                    defaultValue={preferences.text_messages?.phone ?? ""}
                    error={errors["text_messages.phone"]}
                    hint="With the country’s code: +49 151 12345678. Without a number there are no messages."
                  />
                  {(["shipped", "delivered"] as const).map((kind) => (
                    <label key={kind} className="flex items-center gap-3">
                      <input type="checkbox" name={`sms-${kind}`} defaultChecked={preferences.text_messages?.[kind] ?? false} className="size-5 accent-pine" />
                      {kind === "shipped" ? "When a parcel is on its way" : "When a parcel has arrived"}
                    </label>
                  ))}
                </>
              )}
            </Form>
          </div>
        )}
      </Own>
    </>
  );
}
