"use client";
import { useState } from "react";
import { api } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { inWords, refusal } from "@/shop/problems";
import { moment } from "@/words/dates";
import { deviceInWords } from "@/words/devices";
import { Notice } from "../notice";
import { Own } from "./state";

export function Sessions({ locale }: { locale: string }) {
  const loaded = useOwn(() => api.GET("/auth/sessions"));
  const [trouble, setTrouble] = useState<string>();
  const end = async (id: string) => {
    const { error, response } = await api
      .DELETE("/auth/sessions/{session_id}", { params: { path: { session_id: id } } })
      .catch((error: unknown) => ({ error, response: undefined }));
    setTrouble(response?.ok ? undefined : inWords(refusal(error)));
    loaded.reload();
  };
  const endOthers = async () => {
    const { error, response } = await api.DELETE("/auth/sessions").catch((error: unknown) => ({ error, response: undefined }));
    setTrouble(response?.ok ? undefined : inWords(refusal(error)));
    loaded.reload();
  };
  return (
    <Own loaded={loaded}>
      {({ items }) => (
        <>
        {trouble && <div className="mb-4"><Notice>{trouble}</Notice></div>}
        <ul className="divide-y divide-line border-y border-line">
          {items.map(({ id, current, created_at, used_at, user_agent }) => (
            <li key={id} className="flex items-center justify-between gap-4 py-4">
              <div className="min-w-0">
                <p className="truncate font-medium">{deviceInWords(user_agent)}</p>
                <p className="text-sm text-soft">
                  {current ? "This device" : `Last used ${moment(used_at, locale)}`}, since {moment(created_at, locale)}
                </p>
              </div>
              {!current && (
                <button
                  type="button"
                  className="button-quiet shrink-0"
                  onClick={() => void end(id)}
                >
                  Sign out<span className="sr-only"> {deviceInWords(user_agent)}</span>
                </button>
              )}
            </li>
          ))}
        </ul>
        {items.length > 1 && (
          <button type="button" className="button-quiet mt-4" onClick={() => void endOthers()}>Sign out all other devices</button>
        )}
        </>
      )}
    </Own>
  );
}
