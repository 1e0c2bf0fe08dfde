"use client";
import Link from "next/link";
import { Fragment, useState } from "react";
import { api } from "@/api/browser";
import { useOwn } from "@/shop/account";
import { rememberName } from "@/shop/memory";
import { inWords, refusal } from "@/shop/problems";
import { Field } from "../field";
import { Notice } from "../notice";
import { Form } from "../form";
import { OrdersList, useOrders } from "./orders-list";
import { Own } from "./state";

export function Overview({ locale }: { locale: string }) {
  const profile = useOwn(() => api.GET("/users/me"));
  const orders = useOrders(3);
  const [isSaved, setSaved] = useState(false);
  return (
    <Own loaded={orders.data || orders.problem ? profile : { ...profile, data: undefined }}>
      {({ name, email, email_verified, marketing_opt_in, version }) => (
        <div className="space-y-12">
          <h1 className="title">Hello{name ? `, ${name}` : ""}.</h1>
          {!email_verified && (
            <Notice tone="plain">
              <p>Please confirm your e-mail address {email}: open the link in the e-mail we sent you when you created the account. Orders you placed as a guest appear here after that.</p>
              <AnotherMail />
            </Notice>
          )}
          <section aria-labelledby="latest">
            <h2 id="latest" className="mb-4 font-serif text-2xl">Recent orders</h2>
            <Own loaded={orders}>{(first) => <OrdersList first={first} locale={locale} isWhole />}</Own>
            <p className="mt-4"><Link className="link" prefetch={false} href="/account/orders">All orders</Link></p>
          </section>
          <section aria-labelledby="profile" className="max-w-md">
            <h2 id="profile" className="mb-4 font-serif text-2xl">Profile</h2>
            {isSaved && <div className="mb-4"><Notice tone="good">Your profile is saved.</Notice></div>}
            <Form
              action="Save"
              send={async (values) => {
                setSaved(false);
                const changes = { name: String(values.get("name")), marketing_opt_in: values.get("news") === "on" };
                const { data, error } = await api.PATCH("/users/me", { params: { header: { "If-Match": `"${version}"` } }, body: changes });
                if (!data) {
                  if (refusal(error).code === "stale_version") profile.reload();
                  return refusal(error);
                }
                rememberName(data.name ?? "you");
                setSaved(true);
                profile.reload();
                return undefined;
              }}
            >
              {(errors) => (
                <Fragment key={version}>
                  <Field label="Name" name="name" autoComplete="name" defaultValue={name ?? ""} error={errors.name} required />
                  <Field label="E-mail" value={email ?? ""} readOnly />
                  <label className="flex items-center gap-3">
                    <input type="checkbox" name="news" defaultChecked={marketing_opt_in} className="size-5 accent-pine" />
                    News by e-mail, a few times a year
                  </label>
                </Fragment>
              )}
            </Form>
          </section>
        </div>
      )}
    </Own>
  );
}

/** The link in an e-mail works for half an hour; whoever comes later needs another. */
function AnotherMail() {
  const [said, setSaid] = useState<string>();
  const ask = async () => {
    const { error, response } = await api.POST("/auth/email/resend").catch((error: unknown) => ({ error, response: undefined }));
    setSaid(response?.ok ? "Another e-mail is on its way." : inWords(refusal(error)));
  };
  return (
    <p className="mt-3" role="status">
      {said ?? <button type="button" className="link" onClick={() => void ask()}>Send me another e-mail</button>}
    </p>
  );
}
