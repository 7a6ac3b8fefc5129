import { toSeconds, type Hit, type Verdict } from './policy.js';
import { policyField, type RouteLimit, type RoutePlan } from './route-plan.js';
import type { ThrottlerSettings, Tier } from './settings.js';

/** A hit and the limit of the route that it is for. */
export interface RouteHit extends Hit {
  readonly of: RouteLimit;
  /** Who is counted; the key holds it, and may hold more. */
  readonly tracker: string;
}

/** What a client is told of one policy. */
interface RateLimitSnapshot {
  readonly tier: Tier;
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** Sets one header field of an adapter's response. */
export type HeaderWriter<Response> = (response: Response, name: string, value: string | number) => void;

const TOLD = Symbol('bulwark.throttler.told');
type Telling = { [TOLD]?: readonly RateLimitSnapshot[] };

/**
 * Tells clients where they stand: `RateLimit` and `RateLimit-Policy` as structured fields
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/), and `X-RateLimit-*` for those who know only
 * these. Of policies with one name, counted by address and by user, the one with less left speaks.
 */
export class RateLimitHeaders {
  constructor(private readonly settings: Pick<ThrottlerSettings, 'standardHeaders' | 'legacyHeaders'>) {}

  /** Writes what was decided; a later phase of the same request adds to it. */
  admitted<Response>(
    write: HeaderWriter<Response>,
    request: object,
    response: Response,
    plan: RoutePlan,
    hits: readonly RouteHit[],
    verdicts: readonly Verdict[],
  ): void {
    const told = snapshotsOf(hits, verdicts, false);
    if (told.length === 0) return;
    const before = (request as Telling)[TOLD];
    // Most often the user has as much left as the address has, and nothing is to be said anew.
    if (before && told.every((one) => before.some((other) => other.tier === one.tier && !isTighter(one, other))))
      return;
    const all = before ? merged(before, told) : told;
    if (plan.address.length > 0 && plan.principal.length > 0) (request as Telling)[TOLD] = all;
    this.write(write, response, all, plan.policyField ?? policyField(hits));
  }

  /** Writes who refused, and when to come back: not before the end of the longest wait. */
  refused<Response>(
    write: HeaderWriter<Response>,
    response: Response,
    plan: RoutePlan,
    hits: readonly RouteHit[],
    verdicts: readonly Verdict[],
  ): number {
    let wait = 1;
    for (let i = 0; i < hits.length; i++) {
      const verdict = verdicts[i];
      if (isRefusal(hits[i] as RouteHit, verdict)) wait = Math.max(wait, toSeconds(verdict.waitMs));
    }
    write(response, 'Retry-After', wait);
    const told = snapshotsOf(hits, verdicts, true);
    for (const { tier, resetSeconds } of told) {
      if (tier.headerSuffix) write(response, `Retry-After${tier.headerSuffix}`, resetSeconds);
    }
    if (told.length > 0) this.write(write, response, told, plan.policyField ?? policyField(hits));
    return wait;
  }

  private write<Response>(
    write: HeaderWriter<Response>,
    response: Response,
    told: readonly RateLimitSnapshot[],
    policies: string,
  ): void {
    if (this.settings.standardHeaders) {
      let field = '';
      for (const { tier, remaining, resetSeconds } of told) {
        field += `${field && ', '}"${tier.name}";r=${remaining};t=${resetSeconds}`;
      }
      write(response, 'RateLimit-Policy', policies);
      write(response, 'RateLimit', field);
    }
    if (!this.settings.legacyHeaders) return;
    let tightest: RateLimitSnapshot | undefined;
    for (const one of told) {
      if (one.tier.headerSuffix) writeLegacy(write, response, one, one.tier.headerSuffix);
      if (tightest === undefined || isTighter(one, tightest)) tightest = one;
    }
    if (tightest) writeLegacy(write, response, tightest, '');
  }
}

/** Whether a hit's policy is one that refuses, and did. */
export function isRefusal(hit: RouteHit, verdict: Verdict | undefined): verdict is Verdict {
  return verdict !== undefined && !verdict.allowed && !hit.policy.isShadow;
}

function writeLegacy<Response>(
  write: HeaderWriter<Response>,
  response: Response,
  { limit, remaining, resetSeconds }: RateLimitSnapshot,
  suffix: string,
): void {
  write(response, `X-RateLimit-Limit${suffix}`, limit);
  write(response, `X-RateLimit-Remaining${suffix}`, remaining);
  write(response, `X-RateLimit-Reset${suffix}`, resetSeconds);
}

function snapshotsOf(
  hits: readonly RouteHit[],
  verdicts: readonly Verdict[],
  isOfRefusals: boolean,
): RateLimitSnapshot[] {
  const told: RateLimitSnapshot[] = [];
  for (let i = 0; i < hits.length; i++) {
    const hit = hits[i] as RouteHit;
    const verdict = verdicts[i];
    const { tier } = hit.of;
    if (!verdict || tier.shadow || !tier.setHeaders || (isOfRefusals && verdict.allowed)) continue;
    const { limit, remaining, resetMs, waitMs } = verdict;
    told.push({ tier, limit, remaining, resetSeconds: toSeconds(waitMs > 0 ? waitMs : resetMs) });
  }
  return told.length > 1 ? merged([], told) : told;
}

function merged(before: readonly RateLimitSnapshot[], after: readonly RateLimitSnapshot[]): RateLimitSnapshot[] {
  const byTier = new Map(before.map((one) => [one.tier, one]));
  for (const one of after) {
    const other = byTier.get(one.tier);
    if (other === undefined || isTighter(one, other)) byTier.set(one.tier, one);
  }
  return [...byTier.values()];
}

function isTighter(one: RateLimitSnapshot, other: RateLimitSnapshot): boolean {
  return (
    one.remaining < other.remaining || (one.remaining === other.remaining && one.resetSeconds > other.resetSeconds)
  );
}
