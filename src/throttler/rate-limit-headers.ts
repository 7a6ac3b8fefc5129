import { toSeconds, type Hit, type Verdict } from './policy.js';
import { policyField, type RouteLimit, type RoutePlan } from './route-plan.js';
import type { ThrottlerSettings, Tier } from './settings.js';

/** A hit with the limit of the route that it belongs to. */
export interface RouteHit extends Hit {
  readonly of: RouteLimit;
  /** Identifies the client. The key contains it, and may contain more. */
  readonly tracker: string;
}

/** What the headers say of one policy. */
interface RateLimitSnapshot {
  readonly tier: Tier;
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** Sets one header of an adapter's response. */
export type HeaderWriter<Response> = (response: Response, name: string, value: string | number) => void;

const SNAPSHOTS = Symbol('bulwark.throttler.snapshots');
type RequestWithSnapshots = { [SNAPSHOTS]?: readonly RateLimitSnapshot[] };

/**
 * Writes the rate limit headers: `RateLimit` and `RateLimit-Policy` as structured fields
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/), and `X-RateLimit-*` for older clients. Where
 * a tier counts by address and by user, the headers show the policy with fewer requests left.
 */
export class RateLimitHeaders {
  constructor(private readonly settings: Pick<ThrottlerSettings, 'standardHeaders' | 'legacyHeaders'>) {}

  /** Writes the headers of an allowed request. A later phase of the same request adds its policies. */
  allowed<Response>(
    write: HeaderWriter<Response>,
    request: object,
    response: Response,
    plan: RoutePlan,
    hits: readonly RouteHit[],
    verdicts: readonly Verdict[],
  ): void {
    const snapshots = snapshotsOf(hits, verdicts, false);
    if (snapshots.length === 0) return;
    const before = (request as RequestWithSnapshots)[SNAPSHOTS];
    // Usually the user has as many requests left as the address, and the headers stay as they are.
    if (before && snapshots.every((one) => before.some((other) => other.tier === one.tier && !isTighter(one, other))))
      return;
    const all = before ? merged(before, snapshots) : snapshots;
    if (plan.address.length > 0 && plan.principal.length > 0) (request as RequestWithSnapshots)[SNAPSHOTS] = all;
    this.write(write, response, all, plan.policyField ?? policyField(hits));
  }

  /** Writes the headers of a refused request. Returns the longest wait, in whole seconds. */
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
    const snapshots = snapshotsOf(hits, verdicts, true);
    for (const { tier, resetSeconds } of snapshots) {
      if (tier.headerSuffix) write(response, `Retry-After${tier.headerSuffix}`, resetSeconds);
    }
    if (snapshots.length > 0) this.write(write, response, snapshots, plan.policyField ?? policyField(hits));
    return wait;
  }

  private write<Response>(
    write: HeaderWriter<Response>,
    response: Response,
    snapshots: readonly RateLimitSnapshot[],
    policies: string,
  ): void {
    if (this.settings.standardHeaders) {
      let field = '';
      for (const { tier, remaining, resetSeconds } of snapshots) {
        field += `${field && ', '}"${tier.name}";r=${remaining};t=${resetSeconds}`;
      }
      write(response, 'RateLimit-Policy', policies);
      write(response, 'RateLimit', field);
    }
    if (!this.settings.legacyHeaders) return;
    let tightest: RateLimitSnapshot | undefined;
    for (const one of snapshots) {
      if (one.tier.headerSuffix) writeLegacy(write, response, one, one.tier.headerSuffix);
      if (tightest === undefined || isTighter(one, tightest)) tightest = one;
    }
    if (tightest) writeLegacy(write, response, tightest, '');
  }
}

/** Whether the policy of a hit refused it. A shadow policy refuses nothing. */
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
  const snapshots: RateLimitSnapshot[] = [];
  for (let i = 0; i < hits.length; i++) {
    const hit = hits[i] as RouteHit;
    const verdict = verdicts[i];
    const { tier } = hit.of;
    if (!verdict || tier.shadow || !tier.setHeaders || (isOfRefusals && verdict.allowed)) continue;
    const { limit, remaining, resetMs, waitMs } = verdict;
    snapshots.push({ tier, limit, remaining, resetSeconds: toSeconds(waitMs > 0 ? waitMs : resetMs) });
  }
  return snapshots.length > 1 ? merged([], snapshots) : snapshots;
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
