import type { Type } from '@nestjs/common';
import { isPlainObject, reachesPrototype } from './reserved-keys.js';
import { packageRequire } from '../common/index.js';

/** Creates an instance from a valid value. Undefined if the value is invalid, or if class-validator must decide. */
export type FastValidator = (value: unknown) => object | undefined;

/** The parts of class-validator's metadata that are used here. Its types do not export all of them. */
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
 * Creates a validator for a flat class from its decorators. class-validator collects and sorts the metadata of a class for
 * each value, and class-transformer reads each value by reflection. For a flat class, the same few checks are enough, so
 * they are prepared once.
 *
 * The validator only accepts values. A value that it does not accept is passed to class-transformer and class-validator,
 * which create the error messages. They also validate classes with nested validation, transformations, groups or
 * asynchronous rules.
 *
 * @returns undefined if the class is not flat
 */
export function createFastValidator(target: Type): FastValidator | undefined {
  const transforms = loadTransformStorage();
  // Loaded here, because modules without such classes must start without the package.
  const { getMetadataStorage } = packageRequire('class-validator') as { getMetadataStorage: () => RuleStorage };
  const storage = getMetadataStorage();
  const rules = storage.getTargetValidationMetadatas(target, '', false, false);
  if (!transforms || rules.length === 0 || rules.some((rule) => !isSimple(rule))) return undefined;
  const names = [...new Set(rules.map(({ propertyName }) => propertyName))];
  if (isTransformed(target, names, transforms)) return undefined;
  const properties = names.map((name) => createProperty(name, rules, storage));
  if (properties.some(({ checks }) => checks.some(({ by }) => by.async))) return undefined;
  const known = new Set(names);
  return (value) => createInstance(target, known, properties, value);
}

function loadTransformStorage(): TransformStorage | undefined {
  try {
    const storage = packageRequire('class-transformer/cjs/storage.js') as { defaultMetadataStorage: TransformStorage };
    return storage.defaultMetadataStorage;
  } catch {
    // Another version of class-transformer has another file. Then class-validator validates all values.
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

function createProperty(name: string, rules: readonly Rule[], storage: RuleStorage): Property {
  const propertyRules = rules.filter(({ propertyName }) => propertyName === name);
  return {
    name,
    conditions: propertyRules
      .filter(({ type }) => type === 'conditionalValidation')
      .map(({ constraints }) => constraints[0] as (object: object, value: unknown) => boolean),
    checks: propertyRules
      .filter(({ type }) => type === 'customValidation')
      .flatMap(({ each, constraints, constraintCls }) =>
        storage.getTargetValidatorConstraints(constraintCls).map((by) => ({ each, constraints, by })),
      ),
  };
}

function createInstance(
  target: Type,
  names: ReadonlySet<string>,
  properties: readonly Property[],
  value: unknown,
): object | undefined {
  if (!isPlainObject(value)) return undefined;
  const instance = new target() as Record<string, unknown>;
  for (const name of Object.keys(value)) {
    const inner = value[name];
    if (!names.has(name) || !isPlainData(inner)) return undefined;
    if (inner !== undefined) instance[name] = inner;
  }
  // The instance may have fields that the class initializes and that have no decorator.
  for (const name of Object.keys(instance)) if (!names.has(name)) return undefined;
  return properties.every((property) => isValidProperty(target, property, instance)) ? instance : undefined;
}

function isValidProperty(
  target: Type,
  { name, conditions, checks }: Property,
  object: Record<string, unknown>,
): boolean {
  const value = object[name];
  if (!conditions.every((condition) => condition(object, value))) return true;
  return checks.every(({ each, constraints, by }) => {
    const args = { targetName: target.name, property: name, object, value, constraints };
    // Only `true` is accepted. A promise is not.
    const check = (item: unknown) => by.instance.validate(item, args) === true;
    return each && Array.isArray(value) ? value.every(check) : check(value);
  });
}

/**
 * Whether a value consists of scalars, arrays and plain objects. In a flat class no property has a type, so class-transformer
 * would only copy such a value, and would lose fields such as `constructor`.
 */
function isPlainData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isPlainData);
  return (
    isPlainObject(value) &&
    Object.entries(value).every(([key, inner]) => !reachesPrototype(key, inner) && isPlainData(inner))
  );
}
