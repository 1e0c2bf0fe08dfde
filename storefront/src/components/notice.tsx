import type { ReactNode, Ref } from "react";

interface Props {
  children: ReactNode;
  /** `bad`: it stands in the way. */
  tone?: "bad" | "good" | "plain";
  /** It can take the focus. */
  ref?: Ref<HTMLDivElement>;
}

/** Something the shopper must know, said aloud by screen readers. */
export function Notice({ children, tone = "bad", ref }: Props) {
  const colour = { bad: "border-alarm/40 text-alarm", good: "border-good/40 text-good", plain: "border-line" }[tone];
  return (
    <div ref={ref} role={tone === "bad" ? "alert" : "status"} tabIndex={-1} className={`rounded-xl border bg-sheet p-4 wrap-anywhere ${colour}`}>
      {children}
    </div>
  );
}
