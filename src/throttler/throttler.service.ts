import {
  Inject,
  Injectable,
  Optional,
  type ExecutionContext,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { ModulesContainer, Reflector } from '@nestjs/core';
import { AuditTrail, Metrics, NoAuditTrail, NoMetrics, type AuditAction } from '../ports/index.js';
import { listHandlers, RouteMemo } from '../guards/index.js';
import { DenialStreaks, type DenialStreak } from './denial-streaks.js';
import { monotonicNow, Policy, type Decision, type Hit, type TrackerKind, type Verdict } from './policy.js';
import { RateLimitHeaders } from './rate-limit-headers.js';
import { RoutePlanner, type PlanOverrides, type RoutePlan } from './route-plan.js';
import type { ThrottlerSettings } from './settings.js';
import { ThrottlerMetrics } from './throttler.metrics.js';
import { ThrottlerStore } from './throttler.store.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';

/** A client whose requests are refused. @publicApi */
export interface BlockedClient {
  /** Id for {@link ThrottlerService.unblock}. */
  readonly id: string;
  readonly tier: string;
  /** The route, where the route has its own counter; otherwise empty. */
  readonly scope: string;
  readonly kind: TrackerKind;
  readonly key: string;
  /** Requests refused since `since`. */
  readonly denied: number;
  readonly since: Date;
  /** Whole seconds until its requests are allowed again. */
  readonly retryAfter: number;
}

/** Part of a limit after which the metric says `near_limit`. */
const NEAR_LIMIT = 0.8;
/** Tier of failed logins. No route can ask for it. */
export const FAILED_LOGIN = 'failed-login';

/** Counts requests, and reports the decisions to metrics and audit. @publicApi */
@Injectable()
export class ThrottlerService implements OnModuleInit, OnApplicationShutdown {
  /** @internal */
  readonly headers: RateLimitHeaders;
  private readonly planner: RoutePlanner;
  private readonly plans: RouteMemo<RoutePlan>;
  private readonly metrics: ThrottlerMetrics;
  private readonly streaks = new DenialStreaks((streak) => this.reportEnd(streak));
  private readonly tierNames: readonly string[];

  /** @internal */
  constructor(
    /** @internal */
    @Inject(THROTTLER_SETTINGS) readonly settings: ThrottlerSettings,
    private readonly store: ThrottlerStore,
    reflector: Reflector,
    private readonly modules: ModulesContainer,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.tierNames = [...settings.tiers.map(({ name }) => name), FAILED_LOGIN];
    this.headers = new RateLimitHeaders(settings);
    this.planner = new RoutePlanner(settings, reflector, modules);
    this.plans = new RouteMemo((handler, controller) => this.planner.plan(handler, controller));
    this.metrics = new ThrottlerMetrics(metrics, this.tierNames, {
      isFallingBack: () => store.isFallingBack,
      keys: () => store.memory.size,
    });
    store.onFailure = () => this.metrics.storeFailed();
  }

  /** Finds the limits of all routes, so that an unknown tier fails the start and not each request. */
  onModuleInit(): void {
    for (const { controller, handler } of listHandlers(this.modules)) this.plans.getForRoute(handler, controller);
  }

  /** Whether the module limits this request itself. @internal */
  limitsGlobally(context: ExecutionContext): boolean {
    return this.settings.globalGuards && context.getType() === 'http';
  }

  /** The limits of the route of a request. @internal */
  planOf(context: ExecutionContext): RoutePlan {
    return this.plans.get(context);
  }

  /** Plans for a guard that overrides steps. @internal */
  plansWith(overrides: PlanOverrides): RouteMemo<RoutePlan> {
    return new RouteMemo((handler, controller: Type) => this.planner.plan(handler, controller, overrides));
  }

  /** Index of a tier. All unknown tiers share one index. @internal */
  tierIndex(name: string): number {
    const index = this.tierNames.indexOf(name);
    return index < 0 ? this.tierNames.length : index;
  }

  /** Consumes all hits or none, and reports the decision. @internal */
  consume(hits: readonly Hit[]): Decision | Promise<Decision> {
    const decision = this.store.consume(hits);
    if (decision instanceof Promise) return decision.then((late) => this.reported(hits, late));
    return this.reported(hits, decision);
  }

  /** Refunds what a decision consumed. @internal */
  refund(hits: readonly Hit[], decision: Decision): void | Promise<void> {
    return this.store.refund(hits, decision);
  }

  /** The clients that this process refuses most at the moment. */
  topBlocked(count = 20): BlockedClient[] {
    const now = monotonicNow();
    return this.streaks.top(count).map(({ id, policy, key, count: denied, since, until }) => ({
      id,
      tier: policy.name,
      scope: policy.scope,
      kind: policy.kind,
      key,
      denied,
      since,
      retryAfter: Math.max(1, Math.ceil((until - now) / 1_000)),
    }));
  }

  /**
   * Unblocks a client: deletes its counter of one policy, for all replicas. Another replica that has just refused the
   * client may repeat its refusal for `redisOptions.blockCacheMs`.
   *
   * @param id `tier:scope:kind:key`, from {@link topBlocked}
   * @returns whether the id names a policy
   */
  async unblock(id: string): Promise<boolean> {
    const [, name = '', scope = '', kind, key] = /^([^:]*):([^:]*):(address|user|custom):(.+)$/s.exec(id) ?? [];
    if (kind === undefined || key === undefined || !this.tierNames.includes(name)) return false;
    const streak = this.streaks.get(`${name}:${scope}:${kind}`, key);
    const policy = streak?.policy ?? new Policy(name, this.tierIndex(name), kind as TrackerKind, scope);
    await this.store.unblock(policy, key);
    if (streak) this.streaks.end(streak);
    this.audit.record({ action: 'rate_limit.lifted', outcome: 'success', target: `rate-limit:${id}` });
    return true;
  }

  onApplicationShutdown(): void {
    this.streaks.end();
  }

  private reported(hits: readonly Hit[], decision: Decision): Decision {
    for (let i = 0; i < hits.length; i++)
      this.report(hits[i] as Hit, decision.verdicts[i] as Verdict, decision.allowed);
    return decision;
  }

  private report(hit: Hit, verdict: Verdict, isAdmitted: boolean): void {
    const { tier, isShadow } = hit.policy;
    if (verdict.allowed) {
      if (!isAdmitted) return;
      this.metrics.decided(tier, 'allowed');
      if (verdict.remaining < verdict.limit * (1 - NEAR_LIMIT)) this.metrics.decided(tier, 'near_limit');
      return;
    }
    this.metrics.decided(tier, isShadow ? 'shadow_denied' : 'denied');
    const streak = this.streaks.add(hit, verdict.waitMs);
    if (streak) this.audit.record({ ...described(streak), metadata: { ...metadataOf(streak), count: 1 } });
  }

  private reportEnd(streak: DenialStreak): void {
    const metadata = { ...metadataOf(streak), count: streak.count, since: streak.since.toISOString(), ended: true };
    this.audit.record({ ...described(streak), metadata });
  }
}

function described({ policy }: DenialStreak): { action: AuditAction; outcome: 'denied' | 'success' } {
  return policy.isShadow
    ? { action: 'rate_limit.shadow_exceeded', outcome: 'success' }
    : { action: 'rate_limit.exceeded', outcome: 'denied' };
}

function metadataOf({ policy, key, limit, windowMs }: DenialStreak) {
  return { tier: policy.name, tracker: `${policy.kind}:${key}`, limit, ttlMs: windowMs };
}
