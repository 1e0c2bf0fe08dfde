import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { WithdrawalFacts } from "@/components/withdrawal-facts";
import { statementOf } from "@/page/withdrawal";
import { settings } from "@/settings";
import { instant } from "@/words/dates";

export const metadata: Metadata = { title: "Withdrawal received", robots: { index: false } };

export default async function DonePage() {
  const statement = await statementOf();
  const { receipt } = statement;
  if (!receipt) redirect("/withdraw");
  return (
    <div className="wrap pt-8">
      <h1 className="title">We have received your withdrawal.</h1>
      <p className="mt-4 max-w-xl text-lg text-soft">We are sending the receipt to {statement.email}. It should be there within a minute. Please keep it.</p>
      <WithdrawalFacts statement={statement}>
        <div>
          <dt className="text-sm text-soft">Received</dt>
          <dd><time dateTime={receipt.received_at}>{instant(receipt.received_at, settings().locale)}</time></dd>
        </div>
        <div>
          <dt className="text-sm text-soft">Reference</dt>
          <dd>{receipt.id}</dd>
        </div>
      </WithdrawalFacts>
      <p className="mt-6 max-w-xl text-soft">
        If the number and e-mail address match an order, the withdrawal is now in its history. Otherwise we will look for the order by hand and write to you.
      </p>
      <p className="mt-8 flex flex-wrap gap-3">
        <a className="button-quiet" href="/returns">How to return goods</a>
        <a className="button-quiet" href="/find-order">Find your order</a>
      </p>
    </div>
  );
}
