/** A day in words: "24 November 2026". Takes RFC 3339 times and plain dates. */
export function day(time: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "long" }).format(at(time));
}

/** A day with its weekday, for promises: "Friday, 27 November". */
export function weekday(time: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" }).format(at(time));
}

/** A span of days, short: "Tue 1 to Wed 2 Dec", or "Wed 2 Dec" if it is one. Of plain dates. */
export function days(from: string, to: string, locale: string): string {
  const parts = (date: string) => {
    const found = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short" }).formatToParts(at(date));
    const [name, number, month] = (["weekday", "day", "month"] as const).map((type) => found.find((part) => part.type === type)?.value);
    return { day: `${name} ${number}`, month };
  };
  const [first, last] = [parts(from), parts(to)];
  const end = `${last.day} ${last.month}`;
  if (from === to) return end;
  return first.month === last.month ? `${first.day} to ${end}` : `${first.day} ${first.month} to ${end}`;
}

/** A moment: "24 Nov 2026, 09:41". */
export function moment(time: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(at(time));
}

/** A moment for evidence: to the second, in the one time that needs no explanation: "28 Nov 2026, 08:48:32 UTC". */
export function instant(time: string, locale: string): string {
  return `${new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" }).format(at(time))} UTC`;
}

export const isAhead = (time: string): boolean => at(time) > new Date();

/** The end of a span, for "until": the time alone if that is today. */
export function untilTime(time: string, locale: string): string {
  const isToday = at(time).toDateString() === new Date().toDateString();
  return isToday ? new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(at(time)) : moment(time, locale);
}

/** A date without a time is that day here, not midnight in Greenwich. */
function at(time: string): Date {
  return new Date(/^\d{4}-\d{2}-\d{2}$/.test(time) ? `${time}T12:00:00` : time);
}
