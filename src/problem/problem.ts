import { HttpException } from '@nestjs/common';
import { currentContext } from '../context/request-context.js';
import { ERROR_CODES, type ErrorCode } from './error-codes.js';
import { createProblemDocument, type FieldError, type ProblemDocument } from './problem-document.js';

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

  /** The whole problem document, so that any exception filter sends it. */
  override getResponse(): ProblemDocument {
    return toProblemDocument(this);
  }
}

/** The problem document of an exception, for the current request. @internal */
export function toProblemDocument(error: HttpException & ProblemMembers): ProblemDocument {
  const { path: instance = '/', requestId = '' } = currentContext() ?? {};
  return createProblemDocument(error.code, error.getStatus(), error.detail, { instance, requestId }, error.extensions);
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
