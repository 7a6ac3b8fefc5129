import type { ExecutionContext } from '@nestjs/common';
import type { Resolvable } from '@nestjs/throttler';
import { getClientAddress, type AdapterRequest, type Principal } from '../context/index.js';
import { addressKey } from './address-key.js';
import type { RouteHit } from './rate-limit-headers.js';
import type { RouteLimit } from './route-plan.js';
import type { ThrottlerSettings } from './settings.js';
import type { Policy } from './policy.js';

/** Maximum of a limit, a window, a block duration and a cost. No counter reaches it. */
const MAX_VALUE = 1e12;

/** Turns the limits of a route into the hits of a request. */
export class RouteHits {
  constructor(
    private readonly settings: ThrottlerSettings,
    private readonly ipv6SubnetPrefix: number,
  ) {}

  /** For limits without functions of the application. */
  of(limits: readonly RouteLimit[], request: AdapterRequest, context: ExecutionContext): RouteHit[] {
    const hits: RouteHit[] = [];
    for (const of of limits) {
      if (isSkipped(of, request, context)) continue;
      const { user } = request;
      const isByUser = of.tracker === 'user' && user !== undefined;
      const policy = of.tracker === 'user' && !isByUser ? of.addressPolicy : of.policy;
      if (policy === undefined) continue;
      const tracker = isByUser ? callerKey(user) : this.addressOf(request);
      hits.push({
        of,
        policy,
        tracker,
        key: of.generateKey ? of.generateKey(context, tracker, of.tier.name) : tracker,
        cost: of.cost as number,
        limit: this.limitFor(of, of.limit as number, request),
        windowMs: of.windowMs as number,
        blockMs: of.blockMs as number,
      });
    }
    return hits;
  }

  /** For limits of which some have functions of the application. */
  async resolved(
    limits: readonly RouteLimit[],
    request: AdapterRequest,
    context: ExecutionContext,
  ): Promise<RouteHit[]> {
    const hits: RouteHit[] = [];
    for (const of of limits) {
      if (!of.isDynamic) {
        hits.push(...this.of([of], request, context));
        continue;
      }
      if (isSkipped(of, request, context)) continue;
      const found = await this.trackerOf(of, request, context);
      if (found === undefined) continue;
      const [policy, tracker] = found;
      const value = (what: keyof typeof OPTION_NAMES) => resolve(of, what, context);
      const cost = await value('cost');
      if (cost === 0) continue;
      hits.push({
        of,
        policy,
        tracker,
        key: of.generateKey ? of.generateKey(context, tracker, of.tier.name) : tracker,
        cost,
        limit: this.limitFor(of, await value('limit'), request),
        windowMs: Math.max(1, await value('windowMs')),
        blockMs: await value('blockMs'),
      });
    }
    return hits;
  }

  addressOf(request: AdapterRequest): string {
    return addressKey(getClientAddress(request), this.ipv6SubnetPrefix);
  }

  private async trackerOf(
    of: RouteLimit,
    request: AdapterRequest,
    context: ExecutionContext,
  ): Promise<[Policy, string] | undefined> {
    const { tracker, policy, addressPolicy } = of;
    if (typeof tracker === 'function') {
      const found = await tracker(request, context);
      return found === undefined ? undefined : [policy, found];
    }
    if (tracker === 'user' && request.user) return [policy, callerKey(request.user)];
    const byAddress = tracker === 'user' ? addressPolicy : policy;
    return byAddress && [byAddress, this.addressOf(request)];
  }

  private limitFor({ tier, policy }: RouteLimit, limit: number, request: AdapterRequest): number {
    const { roleLimits, tenantLimits } = tier;
    if ((roleLimits.size === 0 && tenantLimits.size === 0) || policy.kind === 'address') return limit;
    const tenant = tenantLimits.size > 0 ? this.settings.getTenant?.(request) : undefined;
    const ofTenant = tenant === undefined ? undefined : tenantLimits.get(tenant);
    if (ofTenant !== undefined) return Math.min(ofTenant, MAX_VALUE);
    const ofRoles = (request.user?.roles ?? []).flatMap((role) => roleLimits.get(role) ?? []);
    return ofRoles.length > 0 ? Math.min(Math.max(...ofRoles), MAX_VALUE) : limit;
  }
}

/** Identifies the caller. Each API key has its own counters, and its owner has others. */
function callerKey({ id, apiKey }: Principal): string {
  return apiKey === undefined ? id : `api-key:${apiKey.id}`;
}

function isSkipped({ tier }: RouteLimit, request: AdapterRequest, context: ExecutionContext): boolean {
  if (tier.skipIf?.(context) === true) return true;
  if (tier.ignoreUserAgents.length === 0) return false;
  const agent = request.headers['user-agent'] ?? '';
  // Not test(): a pattern with the flag g would continue where its last match ended.
  return tier.ignoreUserAgents.some((pattern) => agent.search(pattern) >= 0);
}

const OPTION_NAMES = { limit: 'limit', windowMs: 'ttlMs', blockMs: 'blockDurationMs', cost: 'cost' } as const;

async function resolve(of: RouteLimit, what: keyof typeof OPTION_NAMES, context: ExecutionContext): Promise<number> {
  const option: Resolvable<number> = of[what];
  const value = Number(typeof option === 'function' ? await option(context) : option);
  if (Number.isNaN(value)) {
    throw new TypeError(
      `The function for the ${OPTION_NAMES[what]} of the tier "${of.tier.name}" did not return a number. Correct the function.`,
    );
  }
  return Math.min(MAX_VALUE, Math.max(0, Math.ceil(value)));
}
