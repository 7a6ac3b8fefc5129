import { ValidationPipe, type ArgumentMetadata, type Type, type ValidationPipeOptions } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import type { FieldError } from '../problem/index.js';
import { createFastValidator, type FastValidator } from './fast-validator.js';
import { assertNoReservedNames } from './reserved-keys.js';
import {
  MAX_FIELD_PATH_LENGTH,
  UNKNOWN_FIELD,
  validateWithSchema,
  createValidationProblem,
} from './schema-validation.js';

/** Instances that a pipe with the default rules has created. */
const validated = new WeakSet<object>();

const VALIDATED_TYPES = new Set<ArgumentMetadata['type']>(['body', 'query', 'param']);

/**
 * A ValidationPipe that rejects reserved names. Nest removes some reserved names before class-validator sees them, and
 * class-validator accepts the others as known properties.
 */
class StrictValidationPipe extends ValidationPipe {
  private readonly fastValidators = new WeakMap<Type, FastValidator | null>();

  constructor(
    options: ValidationPipeOptions,
    private readonly onReservedName: () => void,
    private readonly isFast: boolean,
  ) {
    super(options);
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype, schema, data } = metadata;
    // A global pipe and the pipe of a controller would otherwise validate the same value twice.
    if (typeof value === 'object' && value !== null && validated.has(value)) return value;
    if (type === 'body' || type === 'query') this.rejectReservedNames(value);
    if (schema && VALIDATED_TYPES.has(type)) return validateWithSchema(schema, value, data);
    if (!metatype || !VALIDATED_TYPES.has(type)) return super.transform(value, metadata);
    const fast = this.isFast ? this.getFastValidator(metatype)?.(value) : undefined;
    const instance = fast ?? ((await super.transform(value, metadata)) as unknown);
    if (this.isFast && instance instanceof metatype) validated.add(instance);
    return instance;
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

/** Options of Nest's ValidationPipe, and those of this library. @publicApi */
export interface ValidationOptions extends ValidationPipeOptions {
  /** Called if a body or a query is rejected because of a name that every object inherits, such as `__proto__`. */
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
export function createValidationPipe({
  onReservedName = () => undefined,
  ...changes
}: ValidationOptions = {}): ValidationPipe {
  const defaults: ValidationPipeOptions = {
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: false,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => createValidationProblem(errors.flatMap((error) => toFieldErrors(error, ''))),
  };
  // The fast validator knows the rules of the defaults only.
  const isFast = Object.keys(changes).length === 0;
  return new StrictValidationPipe({ ...defaults, ...changes }, onReservedName, isFast);
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
