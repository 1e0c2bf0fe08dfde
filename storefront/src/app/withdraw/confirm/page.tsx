import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { WithdrawalFacts } from "@/components/withdrawal-facts";
import { statementOf } from "@/page/withdrawal";

export const metadata: Metadata = { title: "Confirm withdrawal", robots: { index: false } };

/** The second of two steps. */
export default async function ConfirmPage() {
  const statement = await statementOf();
  if (statement.receipt) redirect("/withdraw/done");
  if (!statement.number) redirect("/withdraw");
  return (
    <div className="wrap pt-8">
      <h1 className="title">Confirm your withdrawal</h1>
      <p className="mt-4 max-w-xl text-soft">Please check what you have entered. Your withdrawal is sent when you press “Confirm withdrawal”.</p>
      <WithdrawalFacts statement={statement} />
      <form method="post" action="/withdraw/send" className="mt-6 flex flex-wrap gap-3">
        <button type="submit" className="button">Confirm withdrawal</button>
        <Link className="button-quiet" prefetch={false} href="/withdraw">Change it</Link>
      </form>
    </div>
  );
}
