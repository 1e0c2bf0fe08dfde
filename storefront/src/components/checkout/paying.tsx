import type { ReactNode } from "react";

/** How a payment is getting on, said aloud without taking the focus. In line, the shopper may give up. */
export function Paying({ isInLine, onStop }: { isInLine: boolean; onStop: () => void }): ReactNode {
  return (
    <div className="mt-3 space-y-3 text-sm text-soft">
      <p role="status">
        {isInLine
          ? "Many people are buying right now. You keep your place; we try again by ourselves. Please stay on this page."
          : "We are checking with your bank. This can take a few seconds; please stay on this page."}
      </p>
      {isInLine && <button type="button" className="link" onClick={onStop}>Stop waiting</button>}
    </div>
  );
}
