import { toSeconds, type Hit, type Verdict } from './policy.js';
import { policyField, type RouteLimit, type RoutePlan } from './route-plan.js';
import type { ThrottlerSettings } from './settings.js';

/** A hit and the limit of the route that it is for. */
export interface RouteHit extends Hit {
  readonly of: RouteLimit;
  /** Who is counted; the key holds it, and may hold more. */
  readonly tracker: string;
}

/** What a client is told of one policy. */
interface Told {
  readonly name: string;
  readonly suffix: string;
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
}

type Write = (name: string, value: string | number) => void;

const TOLD = Symbol('bulwark.throttler.told');
type Telling = { [TOLD]?: readonly Told[] };

/**
 * Tells clients where they stand: `RateLimit` and `RateLimit-Policy` as structured fields
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/), and `X-RateLimit-*` for those who know only
 * these. Of policies with one name, counted by address and by user, the one with less left speaks.
 */
export class RateLimitHeaders {
  constructor(private readonly settings: Pick<ThrottlerSettings, 'standardHeaders' | 'legacyHeaders'>) {}

  /** Writes what was decided; a later phase of the same request adds to it. */
  admitted(
    write: Write,
    request: object,
    plan: RoutePlan,
    hits: readonly RouteHit[],
    verdicts: readonly Verdict[],
  ): void {
    const told = toldOf(hits, verdicts, () => true);
    if (told.length === 0) return;
    const before = (request as Telling)[TOLD];
    const all = before ? merged(before, told) : told;
    if (plan.address.length > 0 && plan.principal.length > 0) (request as Telling)[TOLD] = all;
    this.write(write, all, plan.policyField ?? policyField(hits));
  }

  /** Writes who refused, and when to come back: not before the end of the longest wait. */
  refused(write: Write, plan: RoutePlan, hits: readonly RouteHit[], verdicts: readonly Verdict[]): number {
    const wait = Math.max(
      1,
      ...hits.map((hit, i) => (isRefusal(hit, verdicts[i]) ? toSeconds(verdicts[i].waitMs) : 0)),
    );
    write('Retry-After', wait);
    const told = toldOf(hits, verdicts, isRefusal);
    for (const { suffix, resetSeconds } of told) if (suffix) write(`Retry-After${suffix}`, resetSeconds);
    if (told.length > 0) this.write(write, told, plan.policyField ?? policyField(hits));
    return wait;
  }

  private write(write: Write, told: readonly Told[], policies: string): void {
    if (this.settings.standardHeaders) {
      write('RateLimit-Policy', policies);
      write(
        'RateLimit',
        told.map(({ name, remaining, resetSeconds }) => `"${name}";r=${remaining};t=${resetSeconds}`).join(', '),
      );
    }
    if (!this.settings.legacyHeaders) return;
    let tightest: Told | undefined;
    for (const one of told) {
      if (one.suffix) writeLegacy(write, one, one.suffix);
      if (tightest === undefined || isTighter(one, tightest)) tightest = one;
    }
    if (tightest) writeLegacy(write, tightest, '');
  }
}

/** Whether a hit's policy is one that refuses, and did. */
export function isRefusal(hit: RouteHit, verdict: Verdict | undefined): verdict is Verdict {
  return verdict !== undefined && !verdict.allowed && !hit.policy.isShadow;
}

function writeLegacy(write: Write, { limit, remaining, resetSeconds }: Told, suffix: string): void {
  write(`X-RateLimit-Limit${suffix}`, limit);
  write(`X-RateLimit-Remaining${suffix}`, remaining);
  write(`X-RateLimit-Reset${suffix}`, resetSeconds);
}

function toldOf(
  hits: readonly RouteHit[],
  verdicts: readonly Verdict[],
  isMeant: (hit: RouteHit, verdict: Verdict | undefined) => boolean,
): Told[] {
  const told: Told[] = [];
  hits.forEach((hit, i) => {
    const { tier } = hit.of;
    const verdict = verdicts[i];
    if (!verdict || tier.shadow || !tier.setHeaders || !isMeant(hit, verdict)) return;
    const { limit, remaining, resetMs, waitMs } = verdict;
    const resetSeconds = toSeconds(waitMs > 0 ? waitMs : resetMs);
    told.push({ name: tier.name, suffix: tier.headerSuffix, limit, remaining, resetSeconds });
  });
  return told.length > 1 ? merged([], told) : told;
}

function merged(before: readonly Told[], after: readonly Told[]): Told[] {
  const byName = new Map(before.map((one) => [one.name, one]));
  for (const one of after) {
    const other = byName.get(one.name);
    if (other === undefined || isTighter(one, other)) byName.set(one.name, one);
  }
  return [...byName.values()];
}

function isTighter(one: Told, other: Told): boolean {
  return (
    one.remaining < other.remaining || (one.remaining === other.remaining && one.resetSeconds > other.resetSeconds)
  );
}
