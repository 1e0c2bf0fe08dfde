/** A day in words: "24 November 2026". Takes RFC 3339 times and plain dates. */
export function day(time: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "long" }).format(at(time));
}

/** A day with its weekday, for promises: "Friday, 27 November". */
export function weekday(time: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" }).format(at(time));
}

/** A moment: "24 Nov 2026, 09:41". */
export function moment(time: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(at(time));
}

/** A date without a time is that day here, not midnight in Greenwich. */
function at(time: string): Date {
  return new Date(/^\d{4}-\d{2}-\d{2}$/.test(time) ? `${time}T12:00:00` : time);
}
