import { Injectable, Optional, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  InjectThrottlerOptions,
  InjectThrottlerStorage,
  ThrottlerGuard,
  ThrottlerStorage,
  type ThrottlerLimitDetail,
  type ThrottlerModuleOptions,
  type ThrottlerRequest,
} from '@nestjs/throttler';
import {
  AuditTrail,
  ChainedGuard,
  GuardOrder,
  NoAuditTrail,
  OPERATIONAL_ROUTE,
  ProblemException,
  routeFlag,
  RouteMemo,
  THROTTLE_TIERS_OF_ROUTE,
  type AdapterRequest,
} from '../common/index.js';

/** Metadata keys of @nestjs/throttler's own decorators; it does not export them. */
const STOCK_LIMIT = 'THROTTLER:LIMIT';
const STOCK_SKIP = 'THROTTLER:SKIP';

/** What the decorators of a route say, worked out once. */
interface RouteLimits {
  isSkipped: boolean;
  tiers: readonly string[];
  /** Tiers whose limit the route sets itself by `@Throttle()`; they are counted for the route alone. */
  ownTiers: readonly string[];
}

/**
 * The guard of @nestjs/throttler with opt-in tiers, counting whoever {@link trackerOf} names. A client that is blocked
 * by a tier is blocked on every route of that tier, not only on the one where it hit the limit.
 */
abstract class TieredThrottlerGuard extends ThrottlerGuard {
  private readonly limits = new RouteMemo((handler, controller) => this.limitsOf(handler, controller));

  constructor(
    @InjectThrottlerOptions() options: ThrottlerModuleOptions,
    @InjectThrottlerStorage() storage: ThrottlerStorage,
    reflector: Reflector,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {
    super(options, storage, reflector);
  }

  /** The key of whoever is counted, or undefined where this guard has nobody to count. */
  protected abstract trackerOf(request: AdapterRequest): string | undefined;

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http' || this.limits.get(context).isSkipped) return true;
    if (this.trackerOf(context.switchToHttp().getRequest<AdapterRequest>()) === undefined) return true;
    return super.canActivate(context);
  }

  protected override async handleRequest(request: ThrottlerRequest): Promise<boolean> {
    const { tiers } = this.limits.get(request.context);
    return tiers.includes(request.throttler.name ?? 'default') ? super.handleRequest(request) : true;
  }

  protected override async getTracker(request: AdapterRequest & Record<string, never>): Promise<string> {
    return this.trackerOf(request) ?? 'nobody';
  }

  protected override generateKey(context: ExecutionContext, tracker: string, tier: string): string {
    const isOwn = this.limits.get(context).ownTiers.includes(tier);
    const scope = isOwn ? `${context.getClass().name}.${context.getHandler().name}` : '';
    return `${tier}|${tracker}|${scope}`;
  }

  protected override async throwThrottlingException(
    _context: ExecutionContext,
    { limit, ttl, timeToBlockExpire, tracker }: ThrottlerLimitDetail,
  ): Promise<void> {
    this.audit.record({ action: 'rate_limit.exceeded', outcome: 'denied', metadata: { tracker, limit, ttlMs: ttl } });
    throw new ProblemException(
      'RATE_LIMITED',
      `At most ${limit} requests in ${ttl / 1000} s are allowed. Try again in ${timeToBlockExpire} s.`,
      { headers: { 'Retry-After': String(timeToBlockExpire) } },
    );
  }

  private limitsOf(handler: (...args: never[]) => unknown, controller: Parameters<typeof routeFlag>[3]): RouteLimits {
    const read = <T>(key: string | symbol) =>
      this.reflector.getAllAndOverride<T | undefined>(key, [handler, controller]);
    const names = this.throttlers.map(({ name }) => name ?? 'default');
    const ownTiers = names.filter((name) => read(STOCK_LIMIT + name) !== undefined);
    return {
      isSkipped:
        routeFlag(this.reflector, OPERATIONAL_ROUTE, handler, controller) || read(`${STOCK_SKIP}default`) === true,
      tiers: ['default', ...(read<string[]>(THROTTLE_TIERS_OF_ROUTE) ?? []), ...ownTiers],
      ownTiers,
    };
  }
}

/** Counts client addresses, before anything is spent on authentication. @publicApi */
@Injectable()
@ChainedGuard({ order: GuardOrder.Address })
export class AddressThrottlerGuard extends TieredThrottlerGuard {
  protected trackerOf(request: AdapterRequest): string {
    return `address:${request.ip ?? 'unknown'}`;
  }
}

/** Counts users, once they are known, so that one account does not gain by coming from many addresses. @publicApi */
@Injectable()
@ChainedGuard({ order: GuardOrder.Principal })
export class UserThrottlerGuard extends TieredThrottlerGuard {
  protected trackerOf({ user }: AdapterRequest): string | undefined {
    return user && `user:${user.id}`;
  }
}
