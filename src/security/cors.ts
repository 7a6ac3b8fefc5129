import { CorsOrigins } from '../config/index.js';
import type { CorsOptions } from './security.options.js';
import type { SecurityReports } from './security-reports.js';

/** Response headers that scripts of another origin may read. */
const EXPOSED_HEADERS = [
  'X-Request-Id',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
];

/** Maximum length of an origin in audit metadata. The client chooses the origin. */
const MAX_ORIGIN_LENGTH = 200;

type Allowed = (error: null, allowed: readonly string[] | '*') => void;

/**
 * Creates the options of `enableCors()` for both adapters. The response to an origin that is not allowed has no CORS
 * headers except `Vary: Origin`, so that a cache does not send it to an allowed origin.
 *
 * @throws RangeError if an origin is invalid, or if a wildcard is combined with credentials
 */
export function createCorsOptions(options: CorsOptions, reports: SecurityReports): object {
  const { credentials = false, maxAgeSeconds = 600, exposedHeaders = EXPOSED_HEADERS } = options;
  const origins = new CorsOrigins(options.origins);
  if (credentials && origins.isOpen) {
    throw new RangeError(
      'CORS for the origin * with credentials would let every site act as the logged-in user. List the allowed origins.',
    );
  }
  const decide = (origin: string | undefined, allowed: Allowed) => {
    if (origin === undefined) return allowed(null, []);
    if (origins.allows(origin)) return allowed(null, [origin]);
    reports.report('cors_origin', origin, { origin: origin.slice(0, MAX_ORIGIN_LENGTH) });
    allowed(null, []);
  };
  return {
    origin: origins.isOpen ? '*' : decide,
    credentials,
    maxAge: maxAgeSeconds,
    exposedHeaders: exposedHeaders.join(', '),
    // The defaults of the two adapters differ in separators, methods, and OPTIONS requests that are not preflights.
    methods: 'GET,HEAD,PUT,PATCH,POST,DELETE',
    strictPreflight: false,
  };
}
