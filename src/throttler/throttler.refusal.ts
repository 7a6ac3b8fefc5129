import type { ThrottlerLimitDetail } from '@nestjs/throttler';
import type { Verdict } from './policy.js';
import { isRefusal, type RouteHit } from './rate-limit-headers.js';
import { recordOf } from './stock-storage.js';

/** Describes a refused request: the details of @nestjs/throttler, and the names of the tiers that refused. @publicApi */
export interface ThrottlerRefusal extends ThrottlerLimitDetail {
  violatedPolicies: readonly string[];
}

/** Describes the refusal with the longest wait, and names every tier that refused. */
export function refusalOf(
  hits: readonly RouteHit[],
  verdicts: readonly Verdict[],
  retryAfterSeconds: number,
): ThrottlerRefusal {
  const violatedPolicies: string[] = [];
  let longest: { hit: RouteHit; verdict: Verdict } | undefined;
  for (let i = 0; i < hits.length; i++) {
    const hit = hits[i] as RouteHit;
    const verdict = verdicts[i];
    if (!isRefusal(hit, verdict)) continue;
    const { name } = hit.of.tier;
    if (!violatedPolicies.includes(name)) violatedPolicies.push(name);
    if (longest === undefined || verdict.waitMs > longest.verdict.waitMs) longest = { hit, verdict };
  }
  if (!longest) throw new Error('The store refused a request, but none of its policies did. Check the custom storage.');
  const { hit, verdict } = longest;
  const { totalHits, timeToExpire, isBlocked } = recordOf(verdict);
  return {
    totalHits,
    timeToExpire,
    isBlocked,
    timeToBlockExpire: retryAfterSeconds,
    limit: hit.limit,
    ttl: hit.windowMs,
    key: hit.key,
    tracker: hit.tracker,
    violatedPolicies,
  };
}
