import { ProblemException } from '../problem/index.js';

/**
 * Names that every object inherits. As a key from a client, `__proto__` or `constructor` can change a prototype that all
 * objects share, and `toString` replaces a method that code calls. class-validator accepts all of them as known
 * properties, because it looks properties up in a plain object. Clients do not need these names, so they are rejected
 * everywhere.
 */
const RESERVED_KEYS = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype']);

/** A fast check without false negatives: it finds all reserved names, and escapes that may spell one. */
const POSSIBLE_RESERVED_KEY = new RegExp(`\\\\u|${[...RESERVED_KEYS].join('|')}`);

/** @throws ProblemException `VALIDATION_FAILED` */
export function assertNoReservedKeys(value: unknown, text: string): void {
  if (!POSSIBLE_RESERVED_KEY.test(text)) return;
  const pending: { value: unknown; path: string }[] = [{ value, path: '' }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const [key, inner] of Object.entries(next.value)) {
      const path = next.path === '' ? key : `${next.path}.${key}`;
      if (RESERVED_KEYS.has(key)) throw createReservedKeyProblem(path);
      pending.push({ value: inner, path });
    }
  }
}

/** The same check for the first level only, for query parameters that the adapter has parsed. */
export function assertNoReservedNames(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const name = Object.keys(value).find((key) => RESERVED_KEYS.has(key));
  if (name !== undefined) throw createReservedKeyProblem(name);
}

function createReservedKeyProblem(path: string): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'Remove the fields listed in "errors".', {
    errors: [{ path: path.slice(-200), code: 'reservedName', message: 'the name is reserved' }],
  });
}
