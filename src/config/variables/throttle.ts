import { duration, integer } from '../notations.js';
import { variable, type Variable } from '../variable.js';

/** The rate limit tiers with their defaults: `THROTTLE_<TIER>_LIMIT` requests in `THROTTLE_<TIER>_TTL`. */
export const THROTTLE_TIERS = {
  default: { limit: 100, ttl: '1m', what: 'every route' },
  auth: { limit: 10, ttl: '1m', what: 'login, registration and refresh' },
  ai: { limit: 20, ttl: '1h', what: 'calls to language models' },
  expensive: { limit: 20, ttl: '1h', what: 'reports and other heavy work' },
  upload: { limit: 10, ttl: '1h', what: 'file uploads' },
  email: { limit: 50, ttl: '1m', what: 'routes that send mail' },
  webhook: { limit: 1000, ttl: '1m', what: 'incoming webhooks' },
} as const;

export type ThrottleTierName = keyof typeof THROTTLE_TIERS;

type TierVariables = {
  [Tier in ThrottleTierName as `THROTTLE_${Uppercase<Tier>}_LIMIT`]: Variable<number, `throttle.${Tier}.limit`>;
} & {
  [Tier in ThrottleTierName as `THROTTLE_${Uppercase<Tier>}_TTL`]: Variable<number, `throttle.${Tier}.ttlMs`>;
};

const limit = integer(1, 1_000_000_000);

function tierVariables(): TierVariables {
  const entries = Object.entries(THROTTLE_TIERS).flatMap(([tier, { limit: requests, ttl, what }]) => {
    const name = `THROTTLE_${tier.toUpperCase()}`;
    const description = `Requests allowed: ${what}.`;
    const window = { schema: duration(), default: ttl, description: `Window of ${name}_LIMIT.` };
    return [
      [
        `${name}_LIMIT`,
        variable({ schema: limit, default: String(requests), description, setting: `throttle.${tier}.limit` }),
      ],
      [`${name}_TTL`, variable({ ...window, setting: `throttle.${tier}.ttlMs` })],
    ] as const;
  });
  return Object.fromEntries(entries) as unknown as TierVariables;
}

export const throttleVariables = {
  ...tierVariables(),
  THROTTLE_FAILED_LOGIN_LIMIT: variable({
    schema: limit,
    default: '5',
    description: 'Failed logins allowed for an account, and for an address.',
    setting: 'throttling.failedLogins.limit',
  }),
  THROTTLE_FAILED_LOGIN_TTL: variable({
    schema: duration(),
    default: '15m',
    description: 'Window of THROTTLE_FAILED_LOGIN_LIMIT.',
    setting: 'throttling.failedLogins.ttlMs',
  }),
  THROTTLE_REPLICAS: variable({
    schema: integer(1, 10_000),
    default: '1',
    description: 'Processes behind the load balancer; they divide the limits while Redis does not answer.',
    setting: 'throttling.replicas',
  }),
  THROTTLE_REDIS_TIMEOUT: variable({
    schema: duration(),
    default: '40ms',
    description: 'Wait for Redis to decide on a request; after it, this process decides.',
    setting: 'throttling.redisTimeoutMs',
  }),
};
