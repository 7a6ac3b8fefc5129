/** The smallest id (UUIDv7) of an event at a time. Ids begin with the time, so a range of ids is a range of times. */
export function firstIdOf(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}

/** The time that an id contains. */
export function timeOfId(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}

/** The start of the month of a time in UTC, moved by a number of months. */
export function startOfMonth(time: Date, monthsLater = 0): Date {
  return new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + monthsLater));
}

/** The month as text, such as `2026_11`. */
export function monthName(month: Date): string {
  return month.toISOString().slice(0, 7).replace('-', '_');
}
