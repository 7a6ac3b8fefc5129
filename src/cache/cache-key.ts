import { createHash } from 'node:crypto';

const MAX_KEY_LENGTH = 160;

/**
 * Returns a text that is equal for equal values and different for different values. Returns undefined for values that
 * have no such text, such as functions and instances of classes. `{a, b}` and `{b, a}` are equal.
 */
export function keyText(value: unknown, depth = 0): string | undefined {
  if (depth > 16) return undefined;
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? 'null' : objectText(value, depth + 1);
    default:
      return undefined;
  }
}

function objectText(value: object, depth: number): string | undefined {
  if (value instanceof Date) return `@${value.getTime()}`;
  const isList = Array.isArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!isList && prototype !== Object.prototype && prototype !== null) return undefined;
  const parts: string[] = [];
  for (const key of isList ? value.keys() : Object.keys(value).sort()) {
    const inner = keyText((value as Record<string | number, unknown>)[key], depth);
    if (inner === undefined) return undefined;
    parts.push(isList ? inner : `${JSON.stringify(key)}:${inner}`);
  }
  return isList ? `[${parts.join()}]` : `{${parts.join()}}`;
}

/** A key of bounded length. */
export function shortKey(text: string): string {
  return text.length <= MAX_KEY_LENGTH ? text : createHash('sha256').update(text).digest('base64url');
}

const names = new WeakMap<object, string>();
const counts = new Map<string, number>();

/** The name of a class. Of classes with the same name, all but the first one used have a number behind it. */
export function ownerName(owner: { readonly name: string }): string {
  let name = names.get(owner);
  if (name === undefined) {
    const count = (counts.get(owner.name) ?? 0) + 1;
    counts.set(owner.name, count);
    name = count === 1 ? owner.name : `${owner.name}#${count}`;
    names.set(owner, name);
  }
  return name;
}
