"use client";

/** The shop's locale, as the document says it: what the server wrote and what the browser adds agree. */
export const locale = (): string => document.documentElement.lang || "en";
