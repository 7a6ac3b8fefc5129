import type { ThrottleTierOptions } from './throttler.options.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * The tiers that are there without being configured. `default` holds every route, the others hold routes that ask by
 * `@ThrottleTier()` or by a path rule.
 *
 * @publicApi
 */
export const DEFAULT_TIERS = {
  /** Every route. */
  default: { limit: 100, ttlMs: MINUTE, by: ['address', 'user'], global: true },
  /** Login, registration, refresh: before anybody is known. */
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
  /** The pair for `@ThrottleTier('burst', 'sustained')`: how fast, and how much. */
  burst: { limit: 10, ttlMs: SECOND },
  sustained: { limit: 1_000, ttlMs: HOUR },
} as const satisfies Record<string, ThrottleTierOptions>;

/**
 * Paths that the tiers for every route leave alone, because who calls them is not who causes the call: many people
 * behind one address of a provider would share one limit.
 *
 * Sign-in providers send browsers to OAuth callbacks, storage and payment services call theirs from a few addresses of
 * their own and repeat what is refused. All of these check a signature or a state; give routes of yours that do not a
 * tier by `@ThrottleTier('webhook')`, which holds here too.
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
