"use client";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { api, type Schemas } from "@/api/browser";
import { signOut } from "@/shop/account";
import { inWords, type Refusal, refusal } from "@/shop/problems";
import { moment } from "@/words/dates";
import { BusyButton } from "../busy-button";
import { Field } from "../field";
import { Notice } from "../notice";
import { Form } from "../form";

type Request = Schemas["PrivacyRequestView"];
const LOOK_AGAIN_MS = 1500;

/** What the shop holds of its customer, to be had and to be erased (GDPR, articles 15, 17 and 20). */
export function Privacy({ locale }: { locale: string }) {
  const router = useRouter();
  const [asked, setAsked] = useState<Request>();
  const [refused, setRefused] = useState<Refusal>();
  const isRunning = asked !== undefined && !asked.ended_at;
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(async () => {
      const { data } = await api
        .GET("/users/me/privacy-requests/{request_id}", { params: { path: { request_id: asked.id } } })
        .catch(() => ({ data: undefined })); // it is asked again in a moment
      if (data) setAsked(data);
    }, LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [isRunning, asked?.id]);
  return (
    <div className="space-y-10">
      <section aria-labelledby="export">
        <h2 id="export" className="mb-3 font-serif text-2xl">Your data</h2>
        <p className="max-w-xl text-soft">Everything we store about you, in one file.</p>
        {refused && <div className="mt-4"><Notice>{inWords(refused)}</Notice></div>}
        <div className="mt-4" aria-live="polite">
          {asked?.document ? (
            <p>
              <a className="button" href={`/api${asked.document}`} download="my-data.json">Download</a>
              {asked.expires_at && <span className="ml-3 text-sm text-soft">until {moment(asked.expires_at, locale)}</span>}
            </p>
          ) : (
            <BusyButton
              type="button"
              className="button-quiet"
              isBusy={isRunning}
              onClick={async () => {
                const { data, error } = await api.POST("/users/me/export", {}).catch((error: unknown) => ({ data: undefined, error }));
                setRefused(data ? undefined : refusal(error));
                setAsked(data);
              }}
            >
              {isRunning ? "Preparing …" : "Get my data"}
            </BusyButton>
          )}
        </div>
      </section>
      <section aria-labelledby="erase" className="max-w-xl">
        <h2 id="erase" className="mb-3 font-serif text-2xl">Delete your account</h2>
        <p className="mb-4 text-soft">
          This deletes your profile, addresses, preferences, cart and sign-in. We keep only what tax law requires about your orders, without your name and address. This cannot be undone.
        </p>
        <details>
          <summary className="link inline">Delete my account</summary>
          <div className="mt-4">
            <Form
              action="Delete everything"
              send={async (values) => {
                const { error, response } = await api.DELETE("/users/me", { body: { password: String(values.get("password")) } });
                if (!response.ok) return refusal(error);
                await signOut();
                router.push("/");
                return undefined;
              }}
            >
              {(errors) => <Field label="Your password" name="password" type="password" autoComplete="current-password" required error={errors.password} />}
            </Form>
          </div>
        </details>
      </section>
    </div>
  );
}
