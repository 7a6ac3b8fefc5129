import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { ProblemException, type FieldError } from '../common/index.js';
import { refuseReservedNames } from './reserved-keys.js';

/** A body of ten thousand wrong fields shall not be answered with ten thousand errors. */
const MAXIMUM_ERRORS = 50;
const MAXIMUM_PATH = 200;

/** Nest drops some reserved names before class-validator sees them, and class-validator takes the others for known. */
class StrictValidationPipe extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' || metadata.type === 'query') refuseReservedNames(value);
    return super.transform(value, metadata);
  }
}

/**
 * Validation of request bodies and queries by the decorators of their classes. What no decorator names is refused, not
 * dropped, so that a client learns of its mistake and a role cannot be slipped in.
 *
 * @publicApi
 */
export function validationPipe(): ValidationPipe {
  return new StrictValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: false,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) =>
      new ProblemException('VALIDATION_FAILED', 'Correct the fields named in "errors".', {
        errors: errors.flatMap((error) => fieldErrors(error, '')).slice(0, MAXIMUM_ERRORS),
      }),
  });
}

function fieldErrors({ property, constraints, children }: ValidationError, parent: string): FieldError[] {
  const path = (parent === '' ? property : `${parent}.${property}`).slice(0, MAXIMUM_PATH);
  const own = Object.entries(constraints ?? {}).map(([code, message]) => ({
    path,
    code,
    // class-validator's sentence repeats the name, whose length the client chose.
    message: code === 'whitelistValidation' ? 'the field is not known' : message,
  }));
  return [...own, ...(children ?? []).flatMap((child) => fieldErrors(child, path))];
}
