import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { ProblemException, type FieldError } from '../common/index.js';

/**
 * Validation of request bodies and queries by the decorators of their classes. What no decorator names is refused, not
 * dropped, so that a client learns of its mistake and a role cannot be slipped in.
 *
 * @publicApi
 */
export function validationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: false,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) =>
      new ProblemException('VALIDATION_FAILED', 'Correct the fields named in "errors".', {
        errors: errors.flatMap((error) => fieldErrors(error, '')),
      }),
  });
}

function fieldErrors({ property, constraints, children }: ValidationError, parent: string): FieldError[] {
  const path = parent === '' ? property : `${parent}.${property}`;
  const own = Object.entries(constraints ?? {}).map(([code, message]) => ({ path, code, message }));
  return [...own, ...(children ?? []).flatMap((child) => fieldErrors(child, path))];
}
