"use client";
import { type InputHTMLAttributes, type ReactNode, useId } from "react";
import { inSentence } from "@/words/sentence";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  error?: string | undefined;
  hint?: ReactNode;
}

/** A labelled input; what is wrong with it stands below it and is read out with it. */
export function Field({ label, error, hint, className, ...input }: Props) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
        {input.required === false && <span className="font-normal text-soft"> (optional)</span>}
      </label>
      <input
        {...input}
        id={id}
        className="field"
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
      />
      {(error || hint) && (
        <p id={`${id}-note`} className={`mt-1 text-sm ${error ? "text-alarm" : "text-soft"}`}>{error ? inSentence(error) : hint}</p>
      )}
    </div>
  );
}
