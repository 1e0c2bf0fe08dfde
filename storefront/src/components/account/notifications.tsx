"use client";
import { useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { refusal } from "@/shop/problems";
import { Field } from "../field";
import { Notice } from "../notice";
import { Form } from "../form";
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
            {isSaved && <div className="mb-4"><Notice tone="good">Your choices are saved.</Notice></div>}
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
                  <p className="text-soft">Order confirmations and messages about payments and refunds are always sent.</p>
                  <label className="flex items-center gap-3">
                    <input type="checkbox" name="delivery" defaultChecked={preferences.delivery_mails} className="size-5 accent-pine" />
                    E-mail me when a parcel has been delivered
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
                    hint="For example +49 151 12345678. Leave it empty to get no text messages."
                  />
                  {(["shipped", "delivered"] as const).map((kind) => (
                    <label key={kind} className="flex items-center gap-3">
                      <input type="checkbox" name={`sms-${kind}`} defaultChecked={preferences.text_messages?.[kind] ?? false} className="size-5 accent-pine" />
                      {kind === "shipped" ? "Text me when a parcel is on its way" : "Text me when a parcel has been delivered"}
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
