import type { ReactNode } from "react";

/** Something the shopper must know, said aloud by screen readers. `bad`: it stands in the way. */
export function Notice({ children, tone = "bad" }: { children: ReactNode; tone?: "bad" | "good" | "plain" }) {
  const colour = { bad: "border-alarm/40 text-alarm", good: "border-good/40 text-good", plain: "border-line" }[tone];
  return (
    <div role={tone === "bad" ? "alert" : "status"} tabIndex={-1} className={`rounded-xl border bg-sheet p-4 ${colour}`}>
      {children}
    </div>
  );
}
