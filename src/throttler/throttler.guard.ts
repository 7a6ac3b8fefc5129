import { Inject, Injectable, type ExecutionContext } from '@nestjs/common';
import {
  ThrottlerGuard as StockThrottlerGuard,
  throttlerMessage,
  type ThrottlerLimitDetail,
  type ThrottlerRequest,
} from '@nestjs/throttler';
import type { AdapterRequest } from '../context/index.js';
import type { RouteMemo } from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import { Policy, type Decision } from './policy.js';
import type { HeaderWriter, RouteHit } from './rate-limit-headers.js';
import { RouteHits } from './route-hits.js';
import type { PlanOverrides, RouteLimit, RoutePhase, RoutePlan } from './route-plan.js';
import { RateLimitException, withoutStack } from './throttler.exception.js';
import { refusalOf, type ThrottlerRefusal } from './throttler.refusal.js';
import { ThrottlerService } from './throttler.service.js';

// oxlint-disable-next-line typescript/no-explicit-any -- as @nestjs/throttler declares requests and responses
type AnyObject = Record<string, any>;

interface Exchange {
  readonly req: AnyObject;
  readonly res: AnyObject;
}

/** What is the same for every request of a guard. */
interface Prepared {
  readonly plans: Pick<RouteMemo<RoutePlan>, 'get'>;
  readonly hits: RouteHits;
  readonly writeHeader: HeaderWriter<AnyObject>;
  readonly overriddenSteps: Readonly<Record<Step, boolean>>;
  readonly hasOverriddenSteps: boolean;
}

const STEPS = ['getTracker', 'generateKey', 'handleRequest', 'shouldSkip', 'getRequestResponse'] as const;
type Step = (typeof STEPS)[number];

const STOCK_HEADER_PREFIX = 'X-RateLimit';

/** What the address phase consumed for a request. It is refunded if a later phase refuses the request. */
interface Consumed {
  readonly hits: readonly RouteHit[];
  readonly decision: Decision;
}
const CONSUMED = Symbol('bulwark.throttler.consumed');
type RequestWithConsumed = { [CONSUMED]?: Consumed };

/**
 * Limits the routes it guards: as APP_GUARD, by `@UseGuards()`, or as a subclass. It is the guard of @nestjs/throttler with
 * the same steps, and it checks all limits of a route in one call of the store. A step that no subclass overrides costs no
 * metadata look-up and no promise. Where ThrottlerModule limits every route itself (`globalGuards`), a guard without
 * overridden steps does nothing.
 *
 * @publicApi
 */
@Injectable()
export class ThrottlerGuard extends StockThrottlerGuard {
  @Inject(ThrottlerService) protected readonly throttlerService!: ThrottlerService;
  // Members are private by `#`, so that a subclass written for the stock guard can use the same names.
  #prepared: Prepared | undefined;

  override async onModuleInit(): Promise<void> {
    const { length } = Array.isArray(this.options) ? this.options : this.options.throttlers;
    if (length > 0) return super.onModuleInit();
    // The stock guard would warn that no request is limited, although tiers limit them.
    this.throttlers = [];
    this.commonOptions = {};
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (!this.shouldHandle(context)) return true;
    if (this.#prepare().overriddenSteps.shouldSkip && (await this.shouldSkip(context))) return true;
    return this.limitRequest(context, 'all');
  }

  /**
   * Checks the limits of one phase. The guard chain calls it directly, because {@link canActivate} always returns a promise.
   *
   * @internal
   */
  limitRequest(context: ExecutionContext, phase: RoutePhase): boolean | Promise<boolean> {
    const { plans, hits, overriddenSteps } = this.#prepare();
    const plan = plans.get(context);
    const limits = plan[phase];
    if (limits.length === 0) return true;
    if (overriddenSteps.handleRequest) return this.#handleEachLimit(context, limits);
    const exchange = this.getRequestResponse(context);
    const request = exchange.req as unknown as AdapterRequest;
    if (!plan.isDynamic) return this.#consume(context, phase, exchange, plan, hits.of(limits, request, context));
    return hits
      .resolved(limits, request, context)
      .then((resolved) => this.#consume(context, phase, exchange, plan, resolved));
  }

  /**
   * Whether the guard limits this request. It limits HTTP, and other transports where a subclass overrides
   * {@link getRequestResponse}.
   */
  protected shouldHandle(context: ExecutionContext): boolean {
    const { overriddenSteps, hasOverriddenSteps } = this.#prepare();
    if (context.getType() !== 'http' && !overriddenSteps.getRequestResponse) return false;
    return !this.throttlerService.settings.globalGuards || hasOverriddenSteps;
  }

  /** Identifies the client. */
  protected override async getTracker(request: AnyObject, _context?: ExecutionContext): Promise<string> {
    return this.#prepare().hits.addressOf(request as unknown as AdapterRequest);
  }

  protected override getRequestResponse(context: ExecutionContext): { req: AnyObject; res: AnyObject } {
    // The same as switchToHttp(), which creates three functions at each call.
    const [req, res] = context.getArgs<[AnyObject, AnyObject]>();
    return { req, res };
  }

  protected override setResponseHeader(response: AnyObject, name: string, value: string | number): void {
    // Express extends the response of Node.js; Fastify wraps it.
    if (typeof response['setHeader'] === 'function') response['setHeader'](name, value);
    else if (typeof response['header'] === 'function') response['header'](name, value);
  }

  /** Refuses the request. If a subclass does not throw here, the request is allowed. */
  protected override async throwThrottlingException(
    context: ExecutionContext,
    detail: ThrottlerRefusal,
  ): Promise<void> {
    const message = await this.getErrorMessage(context, detail);
    const { timeToBlockExpire: retryAfterSeconds, violatedPolicies } = detail;
    throw withoutStack(() => new RateLimitException(message, { retryAfterSeconds, violatedPolicies }));
  }

  /** Returns the `detail` of the problem document: by default a sentence with the limit and the wait. */
  protected override async getErrorMessage(context: ExecutionContext, detail: ThrottlerLimitDetail): Promise<string> {
    const { errorMessage } = this.throttlerService.settings;
    if (typeof errorMessage === 'function') return errorMessage(context, detail);
    if (errorMessage !== undefined) return errorMessage;
    if (this.errorMessage !== throttlerMessage) return this.errorMessage;
    const { limit, ttl, timeToBlockExpire } = detail;
    return `At most ${limit} requests in ${ttl / 1000} s are allowed. Try again in ${timeToBlockExpire} s.`;
  }

  /** Checks one limit. Only called where a subclass overrides it; otherwise all limits are checked in one step. */
  protected override async handleRequest({
    context,
    limit,
    ttl,
    blockDuration,
    throttler,
    ...steps
  }: ThrottlerRequest): Promise<boolean> {
    const exchange = this.getRequestResponse(context);
    const name = throttler.name ?? 'default';
    const plan = this.#prepare().plans.get(context);
    const of = plan.all.find(({ tier }) => tier.name === name);
    if (!of) return true;
    const tracker = await steps.getTracker(exchange.req, context);
    const key = steps.generateKey(context, tracker, name);
    const { index, algorithm, fallback, shadow } = of.tier;
    const policy = new Policy(name, index, 'custom', 'handleRequest', algorithm, fallback, shadow);
    const hit: RouteHit = { of, policy, key, tracker, cost: 1, limit, windowMs: ttl, blockMs: blockDuration };
    return this.#applyDecision(context, 'all', exchange, plan, [hit], await this.throttlerService.consume([hit]));
  }

  #consume(
    context: ExecutionContext,
    phase: RoutePhase,
    exchange: Exchange,
    plan: RoutePlan,
    hits: readonly RouteHit[],
  ): boolean | Promise<boolean> {
    if (hits.length === 0) return true;
    const decision = this.throttlerService.consume(hits);
    if (!(decision instanceof Promise)) return this.#applyDecision(context, phase, exchange, plan, hits, decision);
    return decision.then((late) => this.#applyDecision(context, phase, exchange, plan, hits, late));
  }

  #applyDecision(
    context: ExecutionContext,
    phase: RoutePhase,
    { req, res }: Exchange,
    plan: RoutePlan,
    hits: readonly RouteHit[],
    decision: Decision,
  ): boolean | Promise<boolean> {
    const { headers } = this.throttlerService;
    const { writeHeader } = this.#prepare();
    const request = req as RequestWithConsumed;
    if (decision.allowed) {
      if (phase === 'address' && plan.principal.length > 0) request[CONSUMED] = { hits, decision };
      headers.allowed(writeHeader, req, res, plan, hits, decision.verdicts);
      return true;
    }
    const consumed = request[CONSUMED];
    // The response does not wait for the refund.
    if (consumed) void this.throttlerService.refund(consumed.hits, consumed.decision);
    const retryAfterSeconds = headers.refused(writeHeader, res, plan, hits, decision.verdicts);
    if (decision.isUnavailable) {
      throw withoutStack(
        () =>
          new ProblemException(
            'SERVICE_UNAVAILABLE',
            `Requests to this route must be counted, and the counters are not available. Try again in ${retryAfterSeconds} s.`,
            { headers: { 'Retry-After': String(retryAfterSeconds) } },
          ),
      );
    }
    return this.#refuse(context, refusalOf(hits, decision.verdicts, retryAfterSeconds));
  }

  async #refuse(context: ExecutionContext, refusal: ThrottlerRefusal): Promise<boolean> {
    await this.throwThrottlingException(context, refusal);
    return true;
  }

  async #handleEachLimit(context: ExecutionContext, limits: readonly RouteLimit[]): Promise<boolean> {
    const { req } = this.getRequestResponse(context);
    const hits = await this.#prepare().hits.resolved(limits, req as unknown as AdapterRequest, context);
    for (const { of, limit, windowMs: ttl, blockMs: blockDuration, tracker, policy } of hits) {
      const isHandled = await this.handleRequest({
        context,
        limit,
        ttl,
        blockDuration,
        throttler: { name: of.tier.name, limit, ttl, blockDuration },
        getTracker: () => tracker,
        generateKey: (from, suffix, name) => of.generateKey?.(from, suffix, name) ?? `${policy.id}:${suffix}`,
      });
      if (!isHandled) return false;
    }
    return true;
  }

  /** At the first request, because a subclass may have an onModuleInit() that does not call this one. */
  #prepare(): Prepared {
    return (this.#prepared ??= this.#createPrepared());
  }

  #createPrepared(): Prepared {
    const overriddenSteps = Object.fromEntries(
      STEPS.map((step) => [step, this[step] !== ThrottlerGuard.prototype[step]]),
    ) as Record<Step, boolean>;
    const overrides: PlanOverrides = {
      ...(overriddenSteps.getTracker && { getTracker: (request, context) => this.getTracker(request, context) }),
      ...(overriddenSteps.generateKey && {
        generateKey: (context, tracker, name) => this.generateKey(context, tracker, name),
      }),
    };
    const { throttlerService: service, headerPrefix } = this;
    return {
      plans:
        overriddenSteps.getTracker || overriddenSteps.generateKey
          ? service.plansWith(overrides)
          : { get: (context) => service.planOf(context) },
      hits: new RouteHits(service.settings, this.#givenSubnetPrefix()),
      writeHeader:
        headerPrefix === STOCK_HEADER_PREFIX
          ? (response, name, value) => this.setResponseHeader(response, name, value)
          : (response, name, value) =>
              this.setResponseHeader(response, name.replace(STOCK_HEADER_PREFIX, headerPrefix), value),
      overriddenSteps,
      hasOverriddenSteps: Object.values(overriddenSteps).includes(true),
    };
  }

  #givenSubnetPrefix(): number {
    return (Array.isArray(this.options) ? undefined : this.options.ipv6SubnetPrefix) ?? this.ipv6SubnetPrefix;
  }
}
