import { ProblemException } from '../problem/index.js';

/**
 * Names that every object inherits. As a key from outside, `__proto__` or `constructor` can reach a prototype that all
 * objects share, `toString` replaces what the code calls, and class-validator takes all of them for known properties:
 * it looks a property up in a plain object. A client has no use for them, so they are refused wherever they stand.
 */
const RESERVED_KEYS = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype']);

/** Cheap and never wrong in saying no: text without any of the names, or an escape that could spell one, is clean. */
const SUSPICIOUS = new RegExp(`\\\\u|${[...RESERVED_KEYS].join('|')}`);

/** @throws ProblemException `VALIDATION_FAILED` */
export function refuseReservedKeys(value: unknown, text: string): void {
  if (!SUSPICIOUS.test(text)) return;
  const pending: { value: unknown; path: string }[] = [{ value, path: '' }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const [key, inner] of Object.entries(next.value)) {
      const path = next.path === '' ? key : `${next.path}.${key}`;
      if (RESERVED_KEYS.has(key)) throw reservedKey(path);
      pending.push({ value: inner, path });
    }
  }
}

/** The same for the names of query parameters, which are read by the adapter. */
export function refuseReservedNames(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const name = Object.keys(value).find((key) => RESERVED_KEYS.has(key));
  if (name !== undefined) throw reservedKey(name);
}

function reservedKey(path: string): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'Remove the fields named in "errors".', {
    errors: [{ path: path.slice(-200), code: 'reservedName', message: 'the name is reserved' }],
  });
}
