import type { ThrottleTierOptions } from './throttler.options.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * The tiers that exist without configuration. `default` applies to every route. The others apply to routes that name them
 * in `@ThrottleTier()` or in a path rule.
 *
 * @publicApi
 */
export const DEFAULT_TIERS = {
  /** Every route. */
  default: { limit: 100, ttlMs: MINUTE, by: ['address', 'user'], global: true },
  /** Login, registration and refresh, where no user is authenticated yet. */
  auth: { limit: 10, ttlMs: MINUTE, by: 'address' },
  /** Calls to language models. */
  ai: { limit: 20, ttlMs: HOUR },
  /** Reports and other heavy work. */
  expensive: { limit: 20, ttlMs: HOUR },
  upload: { limit: 10, ttlMs: HOUR },
  /** Routes that send mail. */
  email: { limit: 50, ttlMs: MINUTE },
  /** Incoming webhooks. */
  webhook: { limit: 1_000, ttlMs: MINUTE, by: 'address' },
  /** Used together, `@ThrottleTier('burst', 'sustained')`: requests per second, and requests per hour. */
  burst: { limit: 10, ttlMs: SECOND },
  sustained: { limit: 1_000, ttlMs: HOUR },
} as const satisfies Record<string, ThrottleTierOptions>;

/**
 * Paths to which global tiers do not apply. A provider calls them for many users from few addresses, so that all these
 * users would share one limit.
 *
 * Sign-in providers redirect browsers to OAuth callbacks. Storage and payment services send callbacks from a few addresses
 * and repeat a refused callback. Such routes check a signature or a state. If a route does not, give it
 * `@ThrottleTier('webhook')`, which also applies to these paths.
 *
 * @publicApi
 */
export const DEFAULT_EXCLUDED_PATHS: readonly string[] = [
  '/**/oauth/**/callback',
  '/**/oauth2/**/callback',
  '/**/storage/callback',
  '/**/storage/**/callback',
  '/**/billing/webhook',
  '/**/billing/webhooks/**',
  '/**/webhooks/stripe',
  '/**/webhooks/paddle',
];
