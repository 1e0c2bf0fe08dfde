"use client";
import { useEffect, useSyncExternalStore } from "react";

const nothingChanges = () => () => undefined;

/** Whether the page's scripts are at work: not in what the server sends, nor in a browser without scripts. */
export function useHasScripts(): boolean {
  return useSyncExternalStore(nothingChanges, () => true, () => false);
}

/**
 * Tells the page's scripts what was typed and chosen before they were there, or was brought back by the browser: by the
 * events that they have missed. Without it a page would show one choice and buy another.
 */
export function EarlyInput() {
  useEffect(() => {
    for (const field of document.querySelectorAll("input, select, textarea")) tell(field);
    document.documentElement.dataset.scripts = "on"; // for whoever drives the page by a program, as the browser tests do
  }, []);
  return null;
}

function tell(field: Element): void {
  if (field instanceof HTMLSelectElement) {
    const written = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
    if (field.selectedOptions[0] !== written) field.dispatchEvent(new Event("change", { bubbles: true }));
  } else if (field instanceof HTMLTextAreaElement) {
    if (field.value !== field.defaultValue) enter(field, "value", field.defaultValue, "input");
  } else if (field instanceof HTMLInputElement) {
    if (field.type !== "radio" && field.type !== "checkbox") {
      if (field.value !== field.defaultValue) enter(field, "value", field.defaultValue, "input");
    } else if (field.checked !== field.defaultChecked && (field.checked || field.type === "checkbox")) {
      enter(field, "checked", field.defaultChecked, "click");
    }
  }
}

/** React passes over an event if the field has what React last saw there. So it sees what the server wrote, and then what
 * a person would have entered, past the setter that React has put on the field. */
function enter(field: HTMLInputElement | HTMLTextAreaElement, name: "value" | "checked", written: string | boolean, event: string): void {
  const entered: unknown = Reflect.get(field, name);
  Reflect.set(field, name, written);
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), name)?.set?.call(field, entered);
  field.dispatchEvent(new Event(event, { bubbles: true }));
}
