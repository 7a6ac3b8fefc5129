import { isPlainObject } from './reserved-keys.js';

/**
 * Names that every object inherits, such as `constructor` and `toString`. class-transformer drops fields with these names,
 * or takes the value of `constructor` for a class. class-validator accepts them as known fields, because it looks fields up
 * in a plain object.
 */
const INHERITED_NAMES = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Returns the path of a field with such a name. */
export function findInheritedName(value: unknown): string | undefined {
  const pending: { value: unknown; path: string }[] = [{ value, path: '' }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (!Array.isArray(next.value) && !isPlainObject(next.value)) continue;
    for (const [key, inner] of Object.entries(next.value)) {
      const path = next.path === '' ? key : `${next.path}.${key}`;
      if (INHERITED_NAMES.has(key)) return path;
      if (typeof inner === 'object' && inner !== null) pending.push({ value: inner, path });
    }
  }
  return undefined;
}

/** Returns a copy without the fields that have such a name. */
export function withoutInheritedNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutInheritedNames);
  if (!isPlainObject(value)) return value;
  const fields = Object.entries(value).filter(([key]) => !INHERITED_NAMES.has(key));
  return Object.fromEntries(fields.map(([key, inner]) => [key, withoutInheritedNames(inner)]));
}
