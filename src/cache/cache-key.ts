import { createHash } from 'node:crypto';

const MAX_KEY_LENGTH = 160;

/**
 * A text that is the same for equal values and differs for different ones; undefined where that cannot be said, as for
 * instances of classes and functions. `{a, b}` and `{b, a}` are equal.
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
const taken = new Map<string, number>();

/** Name of a class, told apart from another class of the same name by the order in which they are first asked for. */
export function ownerName(owner: { readonly name: string }): string {
  let name = names.get(owner);
  if (name === undefined) {
    const count = (taken.get(owner.name) ?? 0) + 1;
    taken.set(owner.name, count);
    name = count === 1 ? owner.name : `${owner.name}#${count}`;
    names.set(owner, name);
  }
  return name;
}
