import { Inject, Injectable, type CanActivate, type ExecutionContext, type OnModuleInit } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ProblemException } from '../problem/index.js';
import type { AdapterRequest } from '../context/index.js';
import type { RouteMemo } from '../guards/index.js';
import { Policy, type Decision, type Verdict } from './policy.js';
import { isRefusal, type HeaderWriter, type RouteHit } from './rate-limit-headers.js';
import { RouteHits } from './route-hits.js';
import type { PlanOverrides, RouteLimit, RoutePlan } from './route-plan.js';
import { recordOf } from './stock-storage.js';
import type {
  ThrottlerLimitDetail,
  ThrottlerOptions,
  ThrottlerRequest,
  ThrottlerStorage,
} from './nestjs-throttler-compat.js';
import { InjectThrottlerOptions, InjectThrottlerStorage } from './throttler.decorators.js';
import { ThrottlerException, withoutStack } from './throttler.exception.js';
import type { ThrottlerModuleOptions } from './throttler.options.js';
import { ThrottlerService } from './throttler.service.js';

type AnyRequest = Parameters<ThrottlerGuard['getTracker']>[0];

/** What is the same for every request of a guard. */
interface Prepared {
  readonly plans: Pick<RouteMemo<RoutePlan>, 'get'>;
  readonly hits: RouteHits;
  readonly write: HeaderWriter<AnyRequest>;
  /** Which steps a subclass does its own way. */
  readonly overriddenSteps: Readonly<Record<Step, boolean>>;
  readonly hasOwnSteps: boolean;
}

/** What the address of a request has spent, until it is known whether its user may spend too. */
interface Spent {
  readonly hits: readonly RouteHit[];
  readonly decision: Decision;
}
const SPENT = Symbol('bulwark.throttler.spent');
type Spending = { [SPENT]?: Spent };

const STEPS = ['getTracker', 'generateKey', 'handleRequest', 'shouldSkip', 'getRequestResponse'] as const;
type Step = (typeof STEPS)[number];

/** What a refused request is about, beyond what @nestjs/throttler tells. @publicApi */
export interface ThrottlerRefusal extends ThrottlerLimitDetail {
  /** Names of the tiers that refused. */
  violatedPolicies: readonly string[];
}

/**
 * Limits the routes it guards: as APP_GUARD, by `@UseGuards()`, or subclassed. The steps are those of @nestjs/throttler's
 * guard; a step that is not overridden costs no look-up and no promise. Where the module limits every route by itself
 * (`globalGuards`), a guard without steps of its own has nothing to add.
 *
 * @publicApi
 */
@Injectable()
export class ThrottlerGuard implements CanActivate, OnModuleInit {
  @Inject(ThrottlerService) protected readonly service!: ThrottlerService;
  /** What the problem document says where neither options nor {@link getErrorMessage} do. */
  protected errorMessage: string | undefined;
  /** The configured throttlers, as @nestjs/throttler has them. */
  protected throttlers: ThrottlerOptions[] = [];
  /** Which of a route's limits the guard holds. */
  protected readonly phase: 'address' | 'principal' | 'all' = 'all';
  private prepared: Prepared | undefined;

  constructor(
    @InjectThrottlerOptions() protected readonly options: ThrottlerModuleOptions,
    @InjectThrottlerStorage() protected readonly storageService: ThrottlerStorage,
    protected readonly reflector: Reflector,
  ) {}

  async onModuleInit(): Promise<void> {
    this.throttlers = (Array.isArray(this.options) ? this.options : this.options.throttlers) ?? [];
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (!this.shouldHandle(context)) return true;
    const skip = this.shouldSkip(context);
    if (skip === true) return true;
    if (skip === false) return this.limit(context);
    return skip.then((isSkipped) => isSkipped || this.limit(context));
  }

  /** Whether the guard has anything to do: it knows HTTP, and of other transports what a subclass tells it. */
  protected shouldHandle(context: ExecutionContext): boolean {
    const { overriddenSteps: own, hasOwnSteps } = this.prepare();
    if (context.getType() !== 'http' && !own.getRequestResponse) return false;
    return !this.service.settings.globalGuards || hasOwnSteps;
  }

  /** Whether this request is not counted at all. */
  protected shouldSkip(_context: ExecutionContext): boolean | Promise<boolean> {
    return false;
  }

  /** Who is counted. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as @nestjs/throttler declares it, so that guards made from its guard fit
  protected getTracker(request: Record<string, any>, _context?: ExecutionContext): string | Promise<string> {
    return this.prepare().hits.addressOf(request as unknown as AdapterRequest);
  }

  /** What is counted. */
  protected generateKey(context: ExecutionContext, suffix: string, name: string): string {
    return `${context.getClass().name}-${context.getHandler().name}-${name}-${suffix}`;
  }

  protected getRequestResponse(context: ExecutionContext): { req: AnyRequest; res: AnyRequest } {
    // As switchToHttp() has them, which makes three functions at each call.
    const [req, res] = context.getArgs<[AnyRequest, AnyRequest]>();
    return { req, res };
  }

  protected setResponseHeader(response: AnyRequest, name: string, value: string | number): void {
    // Node's own response, which Express extends; Fastify's wraps it.
    if (typeof response.setHeader === 'function') response.setHeader(name, value);
    else if (typeof response.header === 'function') response.header(name, value);
  }

  /** Refuses. A subclass that does not throw lets the request through. */
  protected throwThrottlingException(context: ExecutionContext, detail: ThrottlerRefusal): void | Promise<void> {
    const message = this.getErrorMessage(context, detail);
    const refuse = (text: string) => {
      throw withoutStack(
        () =>
          new ThrottlerException(text, {
            headers: { 'Retry-After': String(detail.timeToBlockExpire) },
            extensions: { 'violated-policies': detail.violatedPolicies },
          }),
      );
    };
    return typeof message === 'string' ? refuse(message) : message.then(refuse);
  }

  protected getErrorMessage(context: ExecutionContext, detail: ThrottlerLimitDetail): string | Promise<string> {
    const { errorMessage } = this.service.settings;
    if (typeof errorMessage === 'function') return errorMessage(context, detail);
    const { limit, ttl, timeToBlockExpire } = detail;
    return (
      errorMessage ??
      this.errorMessage ??
      `At most ${limit} requests in ${ttl / 1000} s are allowed. Try again in ${timeToBlockExpire} s.`
    );
  }

  /** Holds one limit. Only called where a subclass overrides it; otherwise all limits are held in one step. */
  protected async handleRequest({
    context,
    limit,
    ttl,
    blockDuration,
    throttler,
    ...steps
  }: ThrottlerRequest): Promise<boolean> {
    const { req, res } = this.getRequestResponse(context);
    const name = throttler.name ?? 'default';
    const plan = this.prepare().plans.get(context);
    const of = plan.all.find(({ tier }) => tier.name === name);
    if (!of) return true;
    const tracker = await steps.getTracker(req, context);
    const key = steps.generateKey(context, tracker, name);
    const policy = new Policy(
      name,
      of.tier.index,
      'custom',
      'handleRequest',
      of.tier.algorithm,
      of.tier.fallback,
      of.tier.shadow,
    );
    const hit: RouteHit = { of, policy, key, tracker, cost: 1, limit, windowMs: ttl, blockMs: blockDuration };
    return this.judge(context, { req, res }, plan, [hit], await this.service.spend([hit]));
  }

  private limit(context: ExecutionContext): boolean | Promise<boolean> {
    const { plans, hits, overriddenSteps: own } = this.prepare();
    const plan = plans.get(context);
    const limits = plan[this.phase];
    if (limits.length === 0) return true;
    if (own.handleRequest) return this.limitOneByOne(context, limits);
    const exchange = this.getRequestResponse(context);
    const request = exchange.req as unknown as AdapterRequest;
    if (!plan.isDynamic) return this.spend(context, exchange, plan, hits.of(limits, request, context));
    return hits.resolved(limits, request, context).then((found) => this.spend(context, exchange, plan, found));
  }

  private spend(
    context: ExecutionContext,
    exchange: { req: AnyRequest; res: AnyRequest },
    plan: RoutePlan,
    hits: readonly RouteHit[],
  ): boolean | Promise<boolean> {
    if (hits.length === 0) return true;
    const decision = this.service.spend(hits);
    if (!(decision instanceof Promise)) return this.judge(context, exchange, plan, hits, decision);
    return decision.then((late) => this.judge(context, exchange, plan, hits, late));
  }

  private judge(
    context: ExecutionContext,
    { req, res }: { req: AnyRequest; res: AnyRequest },
    plan: RoutePlan,
    hits: readonly RouteHit[],
    decision: Decision,
  ): boolean | Promise<boolean> {
    const { headers } = this.service;
    const { write } = this.prepare();
    if (decision.allowed) {
      if (this.phase === 'address' && plan.principal.length > 0) (req as Spending)[SPENT] = { hits, decision };
      headers.admitted(write, req, res, plan, hits, decision.verdicts);
      return true;
    }
    this.refund((req as Spending)[SPENT]);
    const retryAfter = headers.refused(write, res, plan, hits, decision.verdicts);
    if (decision.isUnavailable) {
      throw withoutStack(
        () =>
          new ProblemException(
            'SERVICE_UNAVAILABLE',
            `Requests cannot be counted at the moment, and this one must be. Try again in ${retryAfter} s.`,
            { headers: { 'Retry-After': String(retryAfter) } },
          ),
      );
    }
    return this.refuse(context, refusalOf(hits, decision.verdicts, retryAfter));
  }

  /** A request that is refused after authentication costs nothing before it either. Nobody waits for that. */
  private refund(spent: Spent | undefined): void {
    if (spent) void this.service.refund(spent.hits, spent.decision);
  }

  /**
   * Rejects a moment later, when Nest waits for it: what is thrown before that, Node would note down as a rejection that
   * nobody handles, and strike out again.
   */
  private async refuse(context: ExecutionContext, refusal: ThrottlerRefusal): Promise<boolean> {
    await Promise.resolve();
    await this.throwThrottlingException(context, refusal);
    return true;
  }

  private async limitOneByOne(context: ExecutionContext, limits: readonly RouteLimit[]): Promise<boolean> {
    const { req } = this.getRequestResponse(context);
    const hits = await this.prepare().hits.resolved(limits, req as unknown as AdapterRequest, context);
    for (const { of, limit, windowMs: ttl, blockMs: blockDuration, tracker, policy } of hits) {
      const throttler = { name: of.tier.name, limit, ttl, blockDuration };
      const isHandled = await this.handleRequest({
        context,
        limit,
        ttl,
        blockDuration,
        throttler,
        getTracker: () => tracker,
        generateKey: (from, who, name) => of.generateKey?.(from, who, name) ?? `${policy.id}:${who}`,
      });
      if (!isHandled) return false;
    }
    return true;
  }

  /** Once, at the first call: subclasses may have an onModuleInit() of their own that does not call this one's. */
  private prepare(): Prepared {
    return (this.prepared ??= this.preparation());
  }

  private preparation(): Prepared {
    const own = Object.fromEntries(
      STEPS.map((step) => [step, this[step] !== ThrottlerGuard.prototype[step]]),
    ) as Record<Step, boolean>;
    const overrides: PlanOverrides = {
      ...(own.getTracker && { getTracker: (request, context) => this.getTracker(request, context) }),
      ...(own.generateKey && {
        generateKey: (context, tracker, name) => this.generateKey(context, tracker, name),
      }),
    };
    const { service } = this;
    return {
      plans:
        own.getTracker || own.generateKey
          ? service.plansWith(overrides)
          : { get: (context) => service.planOf(context) },
      hits: new RouteHits(service.settings),
      write: (response, name, value) => this.setResponseHeader(response, name, value),
      overriddenSteps: own,
      hasOwnSteps: Object.values(own).includes(true),
    };
  }
}

function refusalOf(hits: readonly RouteHit[], verdicts: readonly Verdict[], retryAfter: number): ThrottlerRefusal {
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
  if (!longest) throw new Error('A request was refused by no policy; a custom store answers contradictorily.');
  const { hit, verdict } = longest;
  const { totalHits, timeToExpire, isBlocked } = recordOf(verdict);
  return {
    totalHits,
    timeToExpire,
    isBlocked,
    timeToBlockExpire: retryAfter,
    limit: hit.limit,
    ttl: hit.windowMs,
    key: hit.key,
    tracker: hit.tracker,
    violatedPolicies,
  };
}
