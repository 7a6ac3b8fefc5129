/** One kind of error that a client may receive: its HTTP status and the fixed title of its problem document. */
export interface ErrorDefinition {
  readonly status: number;
  readonly title: string;
  /** Problem type URI, if a standard registers one. @default a URN made from the code */
  readonly type?: string;
}

/**
 * Every code that a problem document can carry. Codes are part of the public contract: a code is never changed or reused.
 *
 * @publicApi
 */
export const ERROR_CODES = {
  BAD_REQUEST: { status: 400, title: 'Bad request' },
  MALFORMED_JSON: { status: 400, title: 'The body is not valid JSON' },
  INVALID_ENCODING: { status: 400, title: 'The body is not valid UTF-8' },
  JSON_TOO_DEEP: { status: 400, title: 'The JSON value is nested too deep' },
  JSON_TOO_MANY_KEYS: { status: 400, title: 'The JSON value has too many fields' },
  MALFORMED_URL: { status: 400, title: 'Malformed request target' },
  VALIDATION_FAILED: { status: 400, title: 'The request is not valid' },
  ONE_TIME_TOKEN_INVALID: { status: 400, title: 'Invalid one-time token' },
  CURSOR_INVALID: { status: 400, title: 'Invalid cursor' },
  IDEMPOTENCY_KEY_INVALID: { status: 400, title: 'Invalid idempotency key' },
  IDEMPOTENCY_KEY_MISSING: { status: 400, title: 'No idempotency key' },
  AUTH_REQUIRED: { status: 401, title: 'Authentication required' },
  AUTH_TOKEN_MISSING: { status: 401, title: 'No access token' },
  AUTH_TOKEN_MALFORMED: { status: 401, title: 'Malformed access token' },
  AUTH_TOKEN_INVALID: { status: 401, title: 'Invalid access token' },
  AUTH_TOKEN_EXPIRED: { status: 401, title: 'Expired access token' },
  AUTH_TOKEN_WRONG_ISSUER: { status: 401, title: 'Access token from another issuer' },
  AUTH_TOKEN_WRONG_AUDIENCE: { status: 401, title: 'Access token for another audience' },
  AUTH_TOKEN_REVOKED: { status: 401, title: 'Revoked access token' },
  AUTH_TENANT_REVOKED: { status: 401, title: 'Membership of the tenant has ended' },
  AUTH_CREDENTIALS_INVALID: { status: 401, title: 'Wrong email or password' },
  AUTH_MFA_REQUIRED: { status: 401, title: 'Second factor required' },
  AUTH_MFA_TOKEN_INVALID: { status: 401, title: 'Invalid token for the second login step' },
  AUTH_MFA_CODE_INVALID: { status: 401, title: 'Wrong second-factor code' },
  AUTH_STEP_UP_REQUIRED: { status: 401, title: 'Recent authentication required' },
  AUTH_REFRESH_INVALID: { status: 401, title: 'Invalid refresh token' },
  API_KEY_INVALID: { status: 401, title: 'Invalid API key' },
  API_KEY_EXPIRED: { status: 401, title: 'Expired API key' },
  API_KEY_REVOKED: { status: 401, title: 'Revoked API key' },
  WEBHOOK_SIGNATURE_MISSING: { status: 401, title: 'No webhook signature' },
  WEBHOOK_SIGNATURE_INVALID: { status: 401, title: 'Invalid webhook signature' },
  WEBHOOK_TIMESTAMP_INVALID: { status: 401, title: 'Webhook signed too long ago or in the future' },
  METRICS_TOKEN_REQUIRED: { status: 401, title: 'Metrics token required' },
  ACCESS_DENIED: { status: 403, title: 'Access denied' },
  API_KEY_NOT_ACCEPTED: { status: 403, title: 'API keys are not accepted here' },
  TENANT_REQUIRED: { status: 403, title: 'Tenant required' },
  CSRF_CROSS_SITE: { status: 403, title: 'Cross-site request' },
  CSRF_TOKEN_INVALID: { status: 403, title: 'Missing or invalid CSRF token' },
  ADDRESS_DENIED: { status: 403, title: 'Access denied from this address' },
  ACCOUNT_LOCKED: { status: 403, title: 'Account locked' },
  ACCOUNT_DEACTIVATED: { status: 403, title: 'Account deactivated' },
  REGISTRATION_CLOSED: { status: 403, title: 'Registration closed' },
  EMAIL_UNVERIFIED: { status: 403, title: 'Email address not confirmed' },
  NOT_FOUND: { status: 404, title: 'Not found' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed' },
  NOT_ACCEPTABLE: { status: 406, title: 'Not acceptable' },
  REQUEST_TIMEOUT: { status: 408, title: 'Request timeout' },
  CONFLICT: { status: 409, title: 'Conflict' },
  EMAIL_TAKEN: { status: 409, title: 'Email address already registered' },
  IDEMPOTENCY_IN_PROGRESS: { status: 409, title: 'The same request is still in progress' },
  IDEMPOTENCY_OUTCOME_UNKNOWN: { status: 409, title: 'The same request was interrupted' },
  WEBHOOK_REPLAYED: { status: 409, title: 'Webhook already accepted' },
  GONE: { status: 410, title: 'Gone' },
  PRECONDITION_FAILED: { status: 412, title: 'Precondition failed' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'Request body too large' },
  URI_TOO_LONG: { status: 414, title: 'Request target too long' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Unsupported media type' },
  UNPROCESSABLE: { status: 422, title: 'Unprocessable content' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'Idempotency key used for another request' },
  PRECONDITION_REQUIRED: { status: 428, title: 'Precondition required' },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  },
  HEADERS_TOO_LARGE: { status: 431, title: 'Request headers too large' },
  INTERNAL_ERROR: { status: 500, title: 'Internal server error' },
  NOT_IMPLEMENTED: { status: 501, title: 'Not implemented' },
  BAD_GATEWAY: { status: 502, title: 'Bad gateway' },
  SERVICE_UNAVAILABLE: { status: 503, title: 'Service unavailable' },
  AUDIT_UNAVAILABLE: { status: 503, title: 'Audit trail unavailable' },
  IDEMPOTENCY_UNAVAILABLE: { status: 503, title: 'Idempotency store unavailable' },
  GATEWAY_TIMEOUT: { status: 504, title: 'Gateway timeout' },
} as const satisfies Record<string, ErrorDefinition>;

/** @publicApi */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The default code of each status, for errors without a code: the first code with that status in the table. */
const CODE_BY_STATUS = new Map<number, ErrorCode>();
for (const [code, { status }] of Object.entries(ERROR_CODES)) {
  if (!CODE_BY_STATUS.has(status)) CODE_BY_STATUS.set(status, code as ErrorCode);
}

export function getCodeForStatus(status: number): ErrorCode {
  return CODE_BY_STATUS.get(status) ?? (status >= 500 ? 'INTERNAL_ERROR' : 'BAD_REQUEST');
}

/** Problem type URI of a code (RFC 9457, section 3.1.1). */
export function getProblemType(code: ErrorCode): string {
  const definition: ErrorDefinition = ERROR_CODES[code];
  return definition.type ?? `urn:nest-bulwark:problem:${code.toLowerCase().replaceAll('_', '-')}`;
}

/** Renders the table of codes for docs/errors.md as Markdown with aligned columns. @internal */
export function renderErrorCodeTable(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { status, title }]) => [
    `\`${code}\``,
    String(status),
    title,
    `\`${getProblemType(code as ErrorCode)}\``,
  ]);
  const table = [['Code', 'Status', 'Title', 'Type'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const [head = '', ...body] = table.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [head, rule, ...body].join('\n');
}
