import { describe, expect, it } from 'vitest';
import { Policy, type Verdict } from './policy.js';
import { RateLimitHeaders, type RouteHit } from './rate-limit-headers.js';
import type { RouteLimit, RoutePlan } from './route-plan.js';

const tier = { name: 'default', shadow: false, setHeaders: true, headerSuffix: '' };
const of = { tier } as unknown as RouteLimit;
const plan = { address: [of], principal: [of], all: [of, of], isDynamic: false, policyField: '"default";q=10;w=60' };

function hit(kind: 'address' | 'user'): RouteHit {
  const policy = new Policy('default', 0, kind, '');
  return { of, policy, key: 'key', tracker: 'key', cost: 1, limit: 10, windowMs: 60_000, blockMs: 0 };
}

function left(remaining: number): Verdict {
  return { allowed: true, limit: 10, remaining, resetMs: 30_000, waitMs: 0 };
}

/** The headers written when the address has `address` requests left, and then those when the user has `user` left. */
function written(address: number, user: number): Record<string, string | number>[] {
  const headers = new RateLimitHeaders({ standardHeaders: true, legacyHeaders: true });
  const request = {};
  return [
    { kind: 'address' as const, remaining: address },
    { kind: 'user' as const, remaining: user },
  ].map(({ kind, remaining }) => {
    const fields: Record<string, string | number> = {};
    const write = (_response: object, name: string, value: string | number) => void (fields[name] = value);
    headers.allowed(write, request, {}, plan as RoutePlan, [hit(kind)], [left(remaining)]);
    return fields;
  });
}

describe('the rate limit headers of a request that is counted by address and by user', () => {
  it('show the user where the user has fewer requests left', () => {
    const [byAddress, byUser] = written(8, 3);
    expect(byAddress).toMatchObject({ RateLimit: '"default";r=8;t=30', 'X-RateLimit-Remaining': 8 });
    expect(byUser).toMatchObject({ RateLimit: '"default";r=3;t=30', 'X-RateLimit-Remaining': 3 });
  });

  it.each([8, 9])('are not written again where the user has %i left and the address 8', (user) => {
    const [byAddress, byUser] = written(8, user);
    expect(byAddress).toMatchObject({ RateLimit: '"default";r=8;t=30' });
    expect(byUser).toEqual({});
  });
});
