/** The first id (UUIDv7) that an event of a time can have. Ids begin with the time, so that bounds of one are of both. */
export function firstIdOf(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}

/** The time within an id. */
export function timeOfId(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}

/** The beginning of the month of a time, some months later; in UTC, as everywhere here. */
export function monthOf(time: Date, later = 0): Date {
  return new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + later));
}

/** `2026_11` */
export function monthName(month: Date): string {
  return month.toISOString().slice(0, 7).replace('-', '_');
}
