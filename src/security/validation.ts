import { ValidationPipe, type ArgumentMetadata, type Type, type ValidationPipeOptions } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import type { FieldError } from '../problem/index.js';
import { quickCheckOf, type QuickCheck } from './quick-check.js';
import { refuseReservedNames } from './reserved-keys.js';
import { MAXIMUM_PATH, UNKNOWN_FIELD, validatedBy, validationProblem } from './schema-validation.js';

const VALIDATED = new Set<ArgumentMetadata['type']>(['body', 'query', 'param']);

/** Nest drops some reserved names before class-validator sees them, and class-validator takes the others for known. */
class StrictValidationPipe extends ValidationPipe {
  private readonly quickChecks = new WeakMap<Type, QuickCheck | null>();

  constructor(
    options: ValidationPipeOptions,
    private readonly onReservedName: () => void,
  ) {
    super(options);
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype, schema, data } = metadata;
    if (type === 'body' || type === 'query') this.refuseReserved(value);
    if (schema && VALIDATED.has(type)) return validatedBy(schema, value, data);
    const instance = metatype && VALIDATED.has(type) ? this.quickCheck(metatype)?.(value) : undefined;
    return instance ?? super.transform(value, metadata);
  }

  private refuseReserved(value: unknown): void {
    try {
      refuseReservedNames(value);
    } catch (error) {
      this.onReservedName();
      throw error;
    }
  }

  private quickCheck(metatype: Type): QuickCheck | null {
    let check = this.quickChecks.get(metatype);
    if (check === undefined) this.quickChecks.set(metatype, (check = quickCheckOf(metatype) ?? null));
    return check;
  }
}

/** @publicApi */
export interface ValidationOptions {
  /** Told when a body or a query is refused for a name that every object inherits, such as `__proto__`. */
  onReservedName?: () => void;
}

/**
 * Validation of bodies, queries and path parameters: by the decorators of their classes, or by the schema that Nest's own
 * decorators take (`@Body({ schema })`), of zod, valibot or any other library of the Standard Schema kind. Either way the
 * answer lists path, code and message of each field.
 *
 * What no decorator names is refused, not dropped, so that a client learns of its mistake and a role cannot be slipped in.
 * A schema says for itself: `z.strictObject()` refuses, `z.object()` drops.
 *
 * @publicApi
 */
export function validationPipe({ onReservedName = () => undefined }: ValidationOptions = {}): ValidationPipe {
  const options: ValidationPipeOptions = {
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: false,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => validationProblem(errors.flatMap((error) => fieldErrors(error, ''))),
  };
  return new StrictValidationPipe(options, onReservedName);
}

function fieldErrors({ property, constraints, children }: ValidationError, parent: string): FieldError[] {
  const path = (parent === '' ? property : `${parent}.${property}`).slice(0, MAXIMUM_PATH);
  const own = Object.entries(constraints ?? {}).map(([code, message]) => ({
    path,
    code,
    // class-validator's sentence repeats the name, whose length the client chose.
    message: code === UNKNOWN_FIELD.code ? UNKNOWN_FIELD.message : message,
  }));
  return [...own, ...(children ?? []).flatMap((child) => fieldErrors(child, path))];
}
