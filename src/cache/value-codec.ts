import { deserialize, serialize } from 'node:v8';

/** Deeper values are taken for cyclic. */
const MAXIMUM_DEPTH = 64;

/** A result that would not come back as what it was. */
export class UncacheableError extends Error {}

/**
 * A value as text. What JSON can say is stored as JSON, which replicas of any version and people can read; values with
 * dates, maps, sets, bigints, undefined or bytes in them go by the structured clone algorithm, so that they come back as
 * what they were.
 *
 * Instances of classes are refused: they would come back without their class, and with it would go what a serialiser
 * knows of it, such as that a password hash is not for clients.
 *
 * @param allowsInstances whether the caller makes instances anew from what comes back
 * @throws UncacheableError that says what stands in the way
 */
export function encode(value: unknown, allowsInstances = false): string {
  const isJson = examine(value, allowsInstances, 0);
  if (isJson) return `j${JSON.stringify(value)}`;
  return `v${serialize(value).toString('base64')}`;
}

/** A copy of the value for each caller, so that none sees what another does with it. */
export function decode(text: string): unknown {
  const body = text.slice(1);
  return isJson(text) ? JSON.parse(body) : deserialize(Buffer.from(body, 'base64'));
}

/** How a result becomes text, and the text a result. */
export interface ValueCodec {
  /** @throws UncacheableError */
  encode(value: unknown): string;
  decode(text: string): unknown;
}

const PLAIN: ValueCodec = { encode: (value) => encode(value), decode };

/** @param revive makes instances of what comes back plain */
export function codecOf(revive?: (value: never) => unknown): ValueCodec {
  if (!revive) return PLAIN;
  return { encode: (value) => encode(value, true), decode: (text) => revive(decode(text) as never) };
}

/** Whether the text is that of JSON, behind its first letter. */
export function isJson(text: string): boolean {
  return text.startsWith('j');
}

/** For what JSON makes, which is objects, arrays, and values that cannot change. */
export function deepFreeze<T>(value: T): T {
  // From within to without: what is frozen is so to its depth.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** A copy of what JSON makes, in a fraction of the time that it takes to parse it again. */
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

/** Whether JSON can say it. */
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
  if (depth > MAXIMUM_DEPTH) throw new UncacheableError(`it is cyclic, or nested more than ${MAXIMUM_DEPTH} deep`);
  const inner = (items: Iterable<unknown>): boolean => {
    let isJson = true;
    // To the end in any case: what is refused may stand last.
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
