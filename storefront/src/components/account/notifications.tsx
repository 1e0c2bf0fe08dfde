"use client";
import { useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { refusal } from "@/shop/problems";
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
                const { data, error } = await api.PUT("/notifications/preferences", { body: { ...preferences, delivery_mails: values.get("delivery") === "on" } });
                if (!data) return refusal(error);
                setSaved(true);
                return undefined;
              }}
            >
              {() => (
                <>
                  <p className="text-soft">Confirmations and what concerns your money are always sent.</p>
                  <label className="flex items-center gap-3">
                    <input type="checkbox" name="delivery" defaultChecked={preferences.delivery_mails} className="size-5 accent-pine" />
                    A mail when a parcel has arrived
                  </label>
                </>
              )}
            </Form>
          </div>
        )}
      </Own>
    </>
  );
}
