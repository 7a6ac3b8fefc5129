import { ThrottlerException } from '@nestjs/throttler';
import { toProblemDocument, type ProblemDocument, type ProblemMembers } from '../problem/index.js';

/** What a {@link RateLimitException} says beside its message. @publicApi */
export interface RateLimitDetails {
  /** Whole seconds until the same request is allowed. */
  retryAfterSeconds: number;
  /** Names of the tiers that refused. */
  violatedPolicies: readonly string[];
}

/**
 * The exception of @nestjs/throttler, answered as a problem document (RFC 9457) of type quota-exceeded with `Retry-After`.
 *
 * @publicApi
 */
export class RateLimitException extends ThrottlerException implements ProblemMembers {
  readonly code = 'RATE_LIMITED';
  readonly headers: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    readonly detail: string,
    { retryAfterSeconds, violatedPolicies }: RateLimitDetails,
  ) {
    super(detail);
    this.headers = { 'Retry-After': String(retryAfterSeconds) };
    this.extensions = { 'violated-policies': violatedPolicies };
  }

  override getResponse(): ProblemDocument {
    return toProblemDocument(this);
  }
}

/**
 * Creates an error without a stack trace. The trace of a refusal says nothing, and during a flood it would be most of the
 * cost of a refusal.
 */
export function withoutStack<T extends Error>(create: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return create();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
