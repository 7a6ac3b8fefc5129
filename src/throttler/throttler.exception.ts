import { ProblemException, type ProblemOptions } from '../problem/index.js';

/** @publicApi */
export const throttlerMessage = 'ThrottlerException: Too Many Requests';

/**
 * Answers 429 with a problem document of type quota-exceeded.
 *
 * @publicApi
 */
export class ThrottlerException extends ProblemException {
  constructor(message: string = throttlerMessage, options: ProblemOptions = {}) {
    super('RATE_LIMITED', message, options);
  }
}

/** Makes an error without looking at the stack, which says nothing here and is what a flood would be paid with. */
export function withoutStack<T extends Error>(make: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
