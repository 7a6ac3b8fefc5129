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
