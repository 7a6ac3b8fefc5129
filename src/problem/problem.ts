import { HttpException } from '@nestjs/common';
import { ERROR_CODES, getProblemType, type ErrorCode } from './error-codes.js';

/** One rejected field: its `path` (such as `items.0.name`), a stable `code` and a message for people. @publicApi */
export interface FieldError {
  path: string;
  code: string;
  message: string;
}

/**
 * Problem document (RFC 9457) with the members that this library adds: `code`, `requestId` and, for invalid input,
 * `errors`.
 *
 * @publicApi
 */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  requestId: string;
  errors?: FieldError[];
  [extension: string]: unknown;
}

/** @publicApi */
export interface ProblemOptions {
  errors?: FieldError[];
  /** Response headers of the error, such as `WWW-Authenticate` or `Retry-After`. */
  headers?: Record<string, string>;
  /** Further members of the problem document. */
  extensions?: Record<string, unknown>;
  /** The cause. It is logged and never sent to the client. */
  cause?: unknown;
}

/**
 * The members that the problem filter reads from an exception. An exception with a base class of another package implements
 * them to be handled like a {@link ProblemException}.
 *
 * @publicApi
 */
export interface ProblemMembers {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, unknown>>;
}

/**
 * An error whose code and detail are sent to the client. `detail` names the cause and the remedy. The code decides the
 * status.
 *
 * @publicApi
 */
export class ProblemException extends HttpException implements ProblemMembers {
  readonly headers: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, ERROR_CODES[code].status, { cause: options.cause });
    this.headers = options.headers ?? {};
    this.extensions = { ...options.extensions, ...(options.errors && { errors: options.errors }) };
  }
}

/** Whether an exception carries the members of a problem document. */
export function hasProblemMembers(error: unknown): error is HttpException & ProblemMembers {
  if (!(error instanceof HttpException)) return false;
  const { code, detail, headers, extensions } = error as Partial<ProblemMembers>;
  return (
    code !== undefined &&
    Object.hasOwn(ERROR_CODES, code) &&
    typeof detail === 'string' &&
    typeof headers === 'object' &&
    typeof extensions === 'object'
  );
}

export function createProblemDocument(
  code: ErrorCode,
  status: number,
  detail: string,
  request: { instance: string; requestId: string },
  extensions: Readonly<Record<string, unknown>> = {},
): ProblemDocument {
  const { title } = ERROR_CODES[code];
  return { type: getProblemType(code), title, status, detail, ...request, code, ...extensions };
}
