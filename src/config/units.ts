const DURATION_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_BYTES = { b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 } as const;

function parseWithUnit(text: string, units: Readonly<Record<string, number>>, what: string, example: string): number {
  const match = /^(\d{1,12})(?:\.(\d{1,6}))?\s?([a-z]{1,2})?$/i.exec(text.trim());
  const names = Object.keys(units).join(', ');
  if (!match)
    throw new RangeError(`"${text}" is not a ${what}; write a number and a unit (${names}), such as ${example}`);
  const [, whole, fraction = '0', unit] = match;
  if (!unit) throw new RangeError(`"${text}" has no unit; write one of ${names}, such as ${example}`);
  const factor = units[unit.toLowerCase()];
  if (factor === undefined) throw new RangeError(`"${text}" has an unknown unit; use one of ${names}`);
  const value = Math.round(Number(`${whole}.${fraction}`) * factor);
  if (!Number.isSafeInteger(value)) throw new RangeError(`"${text}" is too large to be a ${what}`);
  return value;
}

/**
 * Milliseconds in a duration such as `15m`, `1.5h` or `500ms`.
 * A bare number is refused: libraries disagree on whether it means seconds or milliseconds.
 *
 * @throws RangeError that names the cause and an example
 * @publicApi
 */
export function parseDuration(text: string): number {
  return parseWithUnit(text, DURATION_MS, 'duration', '15m');
}

/**
 * Bytes in a size such as `1mb` or `512kb` (powers of 1024).
 *
 * @throws RangeError that names the cause and an example
 * @publicApi
 */
export function parseByteSize(text: string): number {
  return parseWithUnit(text, SIZE_BYTES, 'size', '1mb');
}
