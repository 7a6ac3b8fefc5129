import { ProblemException } from '../problem/index.js';

const NO_NAMES: ReadonlySet<string> = new Set();

/**
 * Throws if a key reaches a prototype: `__proto__`, or `constructor` with an object that has the key `prototype`. Code that
 * copies or merges such a value can change a prototype that all objects share. secure-json-parse, which Fastify uses,
 * refuses the same keys. Other inherited names, such as `toString`, are ordinary data.
 *
 * @param text the JSON text of the value, which is searched first
 * @param names further names that are refused
 * @throws ProblemException `VALIDATION_FAILED`
 */
export function assertNoReservedKeys(value: unknown, text: string, names = NO_NAMES): void {
  if (names.size === 0 && !mayReachPrototype(text)) return;
  const pending: { value: unknown; path: string }[] = [{ value, path: '' }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const [key, inner] of Object.entries(next.value)) {
      const path = next.path === '' ? key : `${next.path}.${key}`;
      if (reachesPrototype(key, inner))
        throw createReservedKeyProblem(key === '__proto__' ? path : `${path}.prototype`);
      if (names.has(key)) throw createReservedKeyProblem(path);
      pending.push({ value: inner, path });
    }
  }
}

/** A fast check without false negatives: it finds both keys that reach a prototype, and escapes that may spell one. */
function mayReachPrototype(text: string): boolean {
  if (text.includes('__proto__') || text.includes('\\u')) return true;
  return text.includes('"constructor"') && text.includes('"prototype"');
}

/** The same check for the first level only, for forms, and for queries that the adapter has parsed. */
export function assertNoReservedNames(value: unknown, names = NO_NAMES): void {
  if (!isPlainObject(value)) return;
  const name = Object.keys(value).find((key) => reachesPrototype(key, value[key]) || names.has(key));
  if (name !== undefined) throw createReservedKeyProblem(name);
}

/** Whether code that follows this key, and the keys of its value, reaches a prototype. */
export function reachesPrototype(key: string, value: unknown): boolean {
  if (key === '__proto__') return true;
  return key === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}

/** Whether a value is an object of JSON, of a form or of a query. Fastify's query inherits from an object without a prototype. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function createReservedKeyProblem(path: string): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'Remove the fields listed in "errors".', {
    errors: [{ path: path.slice(-200), code: 'reservedName', message: 'the name is reserved' }],
  });
}
