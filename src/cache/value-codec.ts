import { deserialize, serialize } from 'node:v8';

/** A value that is nested deeper is treated as cyclic. */
const MAX_DEPTH = 64;

/** A result that cannot be restored from its stored form. */
export class UncacheableError extends Error {}

/**
 * Encodes a value as text. Values that JSON can represent are stored as JSON, which replicas of all versions can read.
 * Values that contain dates, maps, sets, bigints, undefined or bytes are stored by the structured clone algorithm.
 *
 * Instances of classes are refused. They would lose their class, and with it the metadata for serializers, for example
 * that a password hash must not be sent to clients.
 *
 * @param allowsInstances whether the caller creates the instances again from the decoded value
 * @throws UncacheableError with the reason
 */
export function encode(value: unknown, allowsInstances = false): string {
  const isJson = examine(value, allowsInstances, 0);
  if (isJson) return `j${JSON.stringify(value)}`;
  return `v${serialize(value).toString('base64')}`;
}

/** Decodes a value. Each call returns a new copy, so that callers do not see the changes of each other. */
export function decode(text: string): unknown {
  const body = text.slice(1);
  return isJson(text) ? JSON.parse(body) : deserialize(Buffer.from(body, 'base64'));
}

/** Encodes results as text, and decodes them. */
export interface ValueCodec {
  /** @throws UncacheableError */
  encode(value: unknown): string;
  decode(text: string): unknown;
}

const PLAIN: ValueCodec = { encode: (value) => encode(value), decode };

/** @param revive turns the plain decoded value into instances again */
export function codecOf(revive?: (value: never) => unknown): ValueCodec {
  if (!revive) return PLAIN;
  return { encode: (value) => encode(value, true), decode: (text) => revive(decode(text) as never) };
}

/** Whether the text is JSON after its first letter. */
export function isJson(text: string): boolean {
  return text.startsWith('j');
}

/** Freezes a value that was parsed from JSON, with all values in it. */
export function deepFreeze<T>(value: T): T {
  // Inner values first, so that a frozen value is known to be deeply frozen.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** Copies a value that was parsed from JSON. This is several times faster than parsing it again. */
export function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => copyOf(item)) as T;
  const copy = { ...value } as Record<string, unknown>;
  for (const key of Object.keys(copy)) {
    const inner = copy[key];
    if (typeof inner === 'object' && inner !== null) copy[key] = copyOf(inner);
  }
  return copy as T;
}

/** Whether JSON can represent the value. */
function examine(value: unknown, allowsInstances: boolean, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'undefined':
    case 'bigint':
      return false;
    case 'object':
      return value === null || examineObject(value, allowsInstances, depth + 1);
    default:
      throw new UncacheableError(`it holds a ${typeof value}`);
  }
}

function examineObject(value: object, allowsInstances: boolean, depth: number): boolean {
  if (depth > MAX_DEPTH) throw new UncacheableError(`it is cyclic, or nested more than ${MAX_DEPTH} deep`);
  const inner = (items: Iterable<unknown>): boolean => {
    let isJson = true;
    // Examines all items in any case: the last one may have to be refused.
    for (const item of items) isJson = examine(item, allowsInstances, depth) && isJson;
    return isJson;
  };
  if (Array.isArray(value)) return inner(value);
  if (value instanceof Date || ArrayBuffer.isView(value)) return false;
  if (value instanceof Map) return inner([...value].flat()) && false;
  if (value instanceof Set) return inner(value) && false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    if (!allowsInstances || typeof (value as { pipe?: unknown }).pipe === 'function') {
      throw new UncacheableError(`it holds an instance of ${value.constructor?.name || 'a class'}`);
    }
    inner(Object.values(value));
    return false;
  }
  return inner(Object.values(value));
}
