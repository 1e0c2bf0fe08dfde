"use client";
import { api } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { moment } from "@/words/dates";
import { deviceInWords } from "@/words/devices";
import { Own } from "./state";

export function Sessions({ locale }: { locale: string }) {
  const loaded = useOwn(() => api.GET("/auth/sessions"));
  return (
    <Own loaded={loaded}>
      {({ items }) => (
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
                  onClick={async () => {
                    await api.DELETE("/auth/sessions/{session_id}", { params: { path: { session_id: id } } });
                    loaded.reload();
                  }}
                >
                  Sign out<span className="sr-only"> {deviceInWords(user_agent)}</span>
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </Own>
  );
}
