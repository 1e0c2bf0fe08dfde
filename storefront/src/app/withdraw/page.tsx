import type { Metadata } from "next";
import Link from "next/link";
import { Field } from "@/components/field";
import { MOST_GOODS, statementOf } from "@/page/withdrawal";
import { settings } from "@/settings";

export const metadata: Metadata = { title: "Withdraw from contract", robots: { index: false } };

interface Props {
  searchParams: Promise<{ order?: string | string[]; refused?: string }>;
}

/** The first of two steps: the statement (Directive 2011/83/EU, Article 11a). Works without scripts and without an account. */
export default async function WithdrawPage({ searchParams }: Props) {
  const { order, refused } = await searchParams;
  const { name, number, email, goods, receipt } = await statementOf();
  const isNew = receipt !== undefined; // what was sent is not sent again by accident
  return (
    <div className="wrap pt-8">
      <h1 className="title">Withdraw from contract</h1>
      {refused && (
        <p role="alert" className="mt-6 max-w-xl rounded-xl bg-sand p-4 text-alarm">
          We could not read that. Please check your name, the order number and the e-mail address.
        </p>
      )}
      <p className="mt-4 max-w-xl text-soft">
        You can withdraw from a purchase within {settings().merchant.return_days} days of receiving the goods, without giving a reason and without an account.
        Tell us here what you are withdrawing from. You check and confirm it on the next page. We then send you a receipt by e-mail.
      </p>
      <form method="post" action="/withdraw/check" className="mt-6 grid max-w-md gap-4">
        <Field label="Your name" name="name" required maxLength={200} autoComplete="name" defaultValue={isNew ? undefined : name} />
        <Field
          label="Order number"
          name="number"
          required
          maxLength={40}
          autoComplete="off"
          defaultValue={(typeof order === "string" ? order : undefined) ?? (isNew ? undefined : number)}
          hint="For example BDG-TNDA-FC5E. It is in all our e-mails about the order."
        />
        <Field
          label="E-mail"
          name="email"
          type="email"
          required
          autoComplete="email"
          defaultValue={isNew ? undefined : email}
          hint="The address that you ordered with. We will send the receipt there."
        />
        <div>
          <label htmlFor="goods" className="mb-1 block text-sm font-medium">
            What are you withdrawing from? <span className="font-normal text-soft">(optional)</span>
          </label>
          <textarea id="goods" name="goods" rows={3} maxLength={MOST_GOODS} className="field" aria-describedby="goods-note" defaultValue={isNew ? undefined : goods} />
          <p id="goods-note" className="mt-1 text-sm text-soft">Leave this empty to withdraw from the whole order. Otherwise name the goods, for example “1 of the 2 mugs”.</p>
        </div>
        <p><button type="submit" className="button">Continue</button></p>
      </form>
      <p className="mt-8 text-sm text-soft">
        Your right is explained on the page about the <Link className="link" prefetch={false} href="/withdrawal">right of withdrawal</Link>.
      </p>
    </div>
  );
}
