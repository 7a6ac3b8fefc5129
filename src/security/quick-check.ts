import { createRequire } from 'node:module';
import type { Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';

/** Makes an instance of a valid value; undefined where it is not valid, or where it takes the long way to find out. */
export type QuickCheck = (value: unknown) => object | undefined;

/** The parts of class-validator's metadata that are used here; its types do not export all of them. */
interface Rule {
  readonly type: string;
  readonly propertyName: string;
  readonly constraints: readonly unknown[];
  readonly constraintCls: Type;
  readonly each: boolean;
  readonly groups?: readonly string[];
  readonly validateIf?: unknown;
}

interface Constraint {
  readonly async: boolean;
  readonly instance: { validate(value: unknown, args: object): unknown };
}

interface RuleStorage {
  getTargetValidationMetadatas(target: Type, schema: string, always: boolean, strictGroups: boolean): Rule[];
  getTargetValidatorConstraints(target: Type): Constraint[];
}

interface TransformStorage {
  getExposedMetadatas(target: Type): readonly unknown[];
  getExcludedMetadatas(target: Type): readonly unknown[];
  findTypeMetadata(target: Type, property: string): unknown;
  findTransformMetadatas(target: Type, property: string, direction: number): readonly unknown[];
  getStrategy(target: Type): string;
}

interface Property {
  readonly name: string;
  readonly conditions: readonly ((object: object, value: unknown) => boolean)[];
  readonly checks: readonly {
    readonly each: boolean;
    readonly constraints: readonly unknown[];
    readonly by: Constraint;
  }[];
}

const PLAIN_TO_CLASS = 0;
const KNOWN_RULES = new Set(['customValidation', 'conditionalValidation', 'whitelistValidation']);

/**
 * Validation of a class by its decorators, worked out once. class-validator gathers and sorts the metadata of a class for
 * each value, and class-transformer walks each value by reflection; for a flat class both come to the same few calls.
 *
 * It only ever says yes. What is not valid goes to the two libraries, which say in their own words why; so does every
 * class with nested validation, transformations, groups or rules that answer later.
 *
 * @returns undefined where the class takes the long way in any case
 */
export function quickCheckOf(target: Type): QuickCheck | undefined {
  const transforms = transformStorage();
  const storage = getMetadataStorage() as unknown as RuleStorage;
  const rules = storage.getTargetValidationMetadatas(target, '', false, false);
  if (!transforms || rules.length === 0 || rules.some((rule) => !isSimple(rule))) return undefined;
  const names = [...new Set(rules.map(({ propertyName }) => propertyName))];
  if (isTransformed(target, names, transforms)) return undefined;
  const properties = names.map((name) => propertyOf(name, rules, storage));
  if (properties.some(({ checks }) => checks.some(({ by }) => by.async))) return undefined;
  const known = new Set(names);
  return (value) => instanceOf(target, known, properties, value);
}

function transformStorage(): TransformStorage | undefined {
  try {
    const load = createRequire(import.meta.url);
    return (load('class-transformer/cjs/storage.js') as { defaultMetadataStorage: TransformStorage })
      .defaultMetadataStorage;
  } catch {
    // Another version keeps it elsewhere; all values then take the long way.
    return undefined;
  }
}

function isSimple({ type, groups, validateIf }: Rule): boolean {
  return KNOWN_RULES.has(type) && !groups?.length && validateIf === undefined;
}

function isTransformed(target: Type, names: readonly string[], transforms: TransformStorage): boolean {
  return (
    transforms.getStrategy(target) !== 'none' ||
    transforms.getExposedMetadatas(target).length > 0 ||
    transforms.getExcludedMetadatas(target).length > 0 ||
    names.some(
      (name) =>
        transforms.findTypeMetadata(target, name) !== undefined ||
        transforms.findTransformMetadatas(target, name, PLAIN_TO_CLASS).length > 0,
    )
  );
}

function propertyOf(name: string, rules: readonly Rule[], storage: RuleStorage): Property {
  const own = rules.filter(({ propertyName }) => propertyName === name);
  return {
    name,
    conditions: own
      .filter(({ type }) => type === 'conditionalValidation')
      .map(({ constraints }) => constraints[0] as (object: object, value: unknown) => boolean),
    checks: own
      .filter(({ type }) => type === 'customValidation')
      .flatMap(({ each, constraints, constraintCls }) =>
        storage.getTargetValidatorConstraints(constraintCls).map((by) => ({ each, constraints, by })),
      ),
  };
}

function instanceOf(
  target: Type,
  names: ReadonlySet<string>,
  properties: readonly Property[],
  value: unknown,
): object | undefined {
  if (!isPlainObject(value)) return undefined;
  const instance = new target() as Record<string, unknown>;
  for (const name of Object.keys(value)) {
    const inner = value[name];
    if (!names.has(name) || !isFlat(inner)) return undefined;
    if (inner !== undefined) instance[name] = inner;
  }
  // Among them fields that the class declares and no decorator names.
  for (const name of Object.keys(instance)) if (!names.has(name)) return undefined;
  return properties.every((property) => holds(target, property, instance)) ? instance : undefined;
}

function holds(target: Type, { name, conditions, checks }: Property, object: Record<string, unknown>): boolean {
  const value = object[name];
  if (!conditions.every((condition) => condition(object, value))) return true;
  return checks.every(({ each, constraints, by }) => {
    const args = { targetName: target.name, property: name, object, value, constraints };
    // Only a plain yes: a promise is none.
    const check = (item: unknown) => by.instance.validate(item, args) === true;
    return each && Array.isArray(value) ? value.every(check) : check(value);
  });
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A value, or a list of values: what class-transformer takes over as it is. */
function isFlat(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isScalar) : isScalar(value);
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
