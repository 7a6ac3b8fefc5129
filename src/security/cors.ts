import { CorsOrigins } from '../config/index.js';
import type { CorsOptions } from './security.options.js';
import type { SecurityReports } from './security-reports.js';

/** Headers that scripts of another origin may read. */
const EXPOSED_HEADERS = [
  'X-Request-Id',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
];

/** An origin comes from the client. */
const MAX_SHOWN_ORIGIN_LENGTH = 200;

type Allowed = (error: null, allowed: readonly string[] | '*') => void;

/**
 * Options for `enableCors()` of either adapter. What is not allowed is answered as if there were no CORS, but with
 * `Vary: Origin`, so that no cache hands the answer to one who is.
 *
 * @throws RangeError on a wrong origin, or a wildcard with credentials
 */
export function corsOptionsOf(options: CorsOptions, reports: SecurityReports): object {
  const { credentials = false, maxAgeSeconds = 600, exposedHeaders = EXPOSED_HEADERS } = options;
  const origins = new CorsOrigins(options.origins);
  if (credentials && origins.isOpen) {
    throw new RangeError('CORS from * with credentials would let every site act as the signed-in user; list origins');
  }
  const decide = (origin: string | undefined, allowed: Allowed) => {
    if (origin === undefined) return allowed(null, []);
    if (origins.allows(origin)) return allowed(null, [origin]);
    reports.refused('cors_origin', origin, { origin: origin.slice(0, MAX_SHOWN_ORIGIN_LENGTH) });
    allowed(null, []);
  };
  return {
    origin: origins.isOpen ? '*' : decide,
    credentials,
    maxAge: maxAgeSeconds,
    exposedHeaders: exposedHeaders.join(', '),
    // Where the defaults of the two adapters differ: separators, methods, OPTIONS requests that are no preflights.
    methods: 'GET,HEAD,PUT,PATCH,POST,DELETE',
    strictPreflight: false,
  };
}
