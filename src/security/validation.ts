import { Readable } from 'node:stream';
import { ValidationPipe, type ArgumentMetadata, type Type, type ValidationPipeOptions } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import type { FieldError } from '../problem/index.js';
import { createFastValidator, type FastValidator } from './fast-validator.js';
import { findInheritedName, withoutInheritedNames } from './inherited-names.js';
import { assertNoReservedNames, createReservedKeyProblem } from './reserved-keys.js';
import {
  MAX_FIELD_PATH_LENGTH,
  UNKNOWN_FIELD,
  validateWithSchema,
  createValidationProblem,
} from './schema-validation.js';

const VALIDATED_TYPES = new Set<ArgumentMetadata['type']>(['body', 'query', 'param']);

/** A ValidationPipe that refuses keys that reach a prototype, and does not lose fields with inherited names. */
class StrictValidationPipe extends ValidationPipe {
  private readonly fastValidators = new WeakMap<Type, FastValidator | null>();

  constructor(
    options: ValidationPipeOptions,
    private readonly onReservedName: () => void,
  ) {
    super(options);
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype, schema, data } = metadata;
    // A body that the handler reads itself.
    if (value instanceof Readable) return value;
    if (type === 'body' || type === 'query') this.rejectReservedNames(value);
    if (schema && VALIDATED_TYPES.has(type)) return validateWithSchema(schema, value, data);
    const instance = metatype && VALIDATED_TYPES.has(type) ? this.getFastValidator(metatype)?.(value) : undefined;
    if (instance) return instance;
    const inheritedName = this.toValidate(metadata) ? findInheritedName(value) : undefined;
    return inheritedName === undefined
      ? super.transform(value, metadata)
      : this.refuseInheritedName(value, metadata, inheritedName);
  }

  /** Refuses a value that class-transformer would not copy completely. The errors of its other fields come first. */
  private async refuseInheritedName(value: unknown, metadata: ArgumentMetadata, path: string): Promise<never> {
    await super.transform(withoutInheritedNames(value), metadata);
    if (path.includes('.')) throw createReservedKeyProblem(path);
    throw createValidationProblem([{ path, ...UNKNOWN_FIELD }]);
  }

  private rejectReservedNames(value: unknown): void {
    try {
      assertNoReservedNames(value);
    } catch (error) {
      this.onReservedName();
      throw error;
    }
  }

  private getFastValidator(metatype: Type): FastValidator | null {
    let check = this.fastValidators.get(metatype);
    if (check === undefined) this.fastValidators.set(metatype, (check = createFastValidator(metatype) ?? null));
    return check;
  }
}

/** @publicApi */
export interface ValidationOptions {
  /** Called if a body or a query is rejected because of a key that reaches a prototype, such as `__proto__`. */
  onReservedName?: () => void;
}

/**
 * Creates the pipe that validates bodies, queries and path parameters: by the decorators of their classes, or by the
 * schema in Nest's own decorators (`@Body({ schema })`) from zod, valibot or another Standard Schema library. The response
 * lists path, code and message of each invalid field.
 *
 * Fields without a decorator are rejected and not removed, so that a client sees its mistake and cannot set a field such
 * as `roles` unnoticed. A schema decides itself: `z.strictObject()` rejects unknown fields, `z.object()` removes them.
 *
 * @publicApi
 */
export function createValidationPipe({ onReservedName = () => undefined }: ValidationOptions = {}): ValidationPipe {
  const options: ValidationPipeOptions = {
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: false,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => createValidationProblem(errors.flatMap((error) => toFieldErrors(error, ''))),
  };
  return new StrictValidationPipe(options, onReservedName);
}

function toFieldErrors({ property, constraints, children }: ValidationError, parent: string): FieldError[] {
  const path = (parent === '' ? property : `${parent}.${property}`).slice(0, MAX_FIELD_PATH_LENGTH);
  const fieldErrors = Object.entries(constraints ?? {}).map(([code, message]) => ({
    path,
    code,
    // class-validator's message contains the name, and the client chooses the length of the name.
    message: code === UNKNOWN_FIELD.code ? UNKNOWN_FIELD.message : message,
  }));
  return [...fieldErrors, ...(children ?? []).flatMap((child) => toFieldErrors(child, path))];
}
