import type { ReactNode } from "react";
import type { Statement } from "@/page/withdrawal";

/** What a statement of withdrawal says. `children`: what is known besides, as pairs of `dt` and `dd`. */
export function WithdrawalFacts({ statement, children }: { statement: Partial<Statement>; children?: ReactNode }) {
  const facts = [
    ["Name", statement.name],
    ["Order number", statement.number],
    ["E-mail", statement.email],
    ["Withdrawn from", statement.goods ?? "The whole order"],
  ];
  return (
    <dl className="card mt-6 max-w-xl space-y-3 p-6 wrap-anywhere">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt className="text-sm text-soft">{label}</dt>
          <dd className="whitespace-pre-line">{value}</dd>
        </div>
      ))}
      {children}
    </dl>
  );
}
