import type { ErrorCode } from '../problem/error-codes.js';
import { ProblemException } from '../problem/problem.js';

/** The response to a request without an access token. */
export function createMissingTokenProblem(): ProblemException {
  return createUnauthorizedProblem(
    'AUTH_TOKEN_MISSING',
    'Send an access token as "Authorization: Bearer <token>". Log in to get one.',
  );
}

/** Creates a 401 with the challenge of RFC 6750, section 3. */
export function createUnauthorizedProblem(code: ErrorCode, detail: string, attributes = ''): ProblemException {
  return new ProblemException(code, detail, { headers: { 'WWW-Authenticate': `Bearer realm="api"${attributes}` } });
}
