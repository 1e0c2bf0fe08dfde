"use client";
import { useEffect, useRef, useState } from "react";
import { useHasScripts } from "./scripts";

/** The most of one thing that a cart takes. */
export const MOST = 999;
const LISTED = 10;
const OTHER = "other";

interface Props {
  id: string;
  value: number;
  /** Pieces that can be had; null: more than ten, or not known. */
  left: number | null;
  isBusy?: boolean;
  onChange: (quantity: number) => void;
  className?: string;
}

/** How many: a short list that ends at what is left; larger quantities are typed. */
export function QuantityChoice({ id, value, left, isBusy = false, onChange, className = "" }: Props) {
  const [isTyping, setTyping] = useState(false);
  const list = useRef<HTMLSelectElement>(null);
  const returnsFocus = useRef(false);
  useEffect(() => {
    if (!isTyping && returnsFocus.current) list.current?.focus();
    returnsFocus.current = false;
  }, [isTyping]);
  const hasScripts = useHasScripts();
  const most = left ?? MOST;
  if (isTyping) {
    return (
      <TypedQuantity
        id={id}
        value={value}
        most={most}
        className={className}
        onDone={(quantity, byKey) => {
          returnsFocus.current = byKey;
          setTyping(false);
          if (quantity !== value) onChange(quantity);
        }}
      />
    );
  }
  return (
    <select
      ref={list}
      id={id}
      name="quantity"
      value={value}
      autoComplete="off" // or a browser would bring back, at a reload, what the cart has no more
      aria-disabled={isBusy || undefined}
      onChange={({ target }) => {
        if (target.value === OTHER) setTyping(true);
        else if (!isBusy) onChange(Number(target.value));
      }}
      className={className}
    >
      {choices(value, left).map((quantity) => <option key={quantity}>{quantity}</option>)}
      {hasScripts && left === null && <option value={OTHER}>More …</option>}
    </select>
  );
}

function TypedQuantity(props: { id: string; value: number; most: number; className: string; onDone: (quantity: number, byKey: boolean) => void }) {
  const { id, value, most, className, onDone } = props;
  const [typed, setTyped] = useState(String(value));
  const field = useRef<HTMLInputElement>(null);
  const isDone = useRef(false); // the field that goes away loses the focus, too
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const done = (wanted: string, byKey: boolean) => {
    if (isDone.current) return;
    isDone.current = true;
    const quantity = Math.trunc(Number(wanted));
    onDone(quantity >= 1 ? Math.min(quantity, most) : value, byKey);
  };
  return (
    <input
      ref={field}
      id={id}
      name="quantity"
      type="number"
      inputMode="numeric"
      min={1}
      max={most}
      value={typed}
      onChange={({ target }) => setTyped(target.value)}
      onBlur={() => done(typed, false)}
      onKeyDown={(press) => {
        if (press.key !== "Escape" && press.key !== "Enter") return;
        press.preventDefault(); // Enter would send the form, Escape would close the drawer
        done(press.key === "Enter" ? typed : String(value), true);
      }}
      className={`${className} w-24`}
    />
  );
}

/** One to ten or to what is left, and what is chosen now even if it is more. */
export function choices(present: number, left: number | null): number[] {
  const listed = Array.from({ length: Math.max(1, Math.min(LISTED, left ?? LISTED)) }, (_, index) => index + 1);
  return listed.includes(present) ? listed : [...listed, present];
}
