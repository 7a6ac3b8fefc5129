import type { ExecutionContext } from '@nestjs/common';
import { getClientAddress, type AdapterRequest, type Principal } from '../context/index.js';
import { addressKey } from './address-key.js';
import type { RouteHit } from './rate-limit-headers.js';
import type { RouteLimit } from './route-plan.js';
import type { ThrottlerSettings } from './settings.js';
import type { Policy } from './policy.js';
import type { Resolvable } from './nestjs-throttler-compat.js';

/** More than any counter holds. */
const MOST = 1e12;

/** Turns the limits of a route into the hits of a request. */
export class RouteHits {
  constructor(private readonly settings: ThrottlerSettings) {}

  /** For limits that hold nothing to wait for. */
  of(limits: readonly RouteLimit[], request: AdapterRequest, context: ExecutionContext): RouteHit[] {
    const hits: RouteHit[] = [];
    for (const of of limits) {
      if (isSkipped(of, request, context)) continue;
      const { user } = request;
      const isByUser = of.tracker === 'user' && user !== undefined;
      const policy = of.tracker === 'user' && !isByUser ? of.addressPolicy : of.policy;
      if (policy === undefined) continue;
      const tracker = isByUser ? callerOf(user) : this.addressOf(request);
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

  /** For limits with functions of the application's own. */
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
      const value = (what: 'limit' | 'windowMs' | 'blockMs' | 'cost') => resolve(of, what, context);
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
    return addressKey(getClientAddress(request), this.settings.ipv6SubnetPrefix);
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
    if (tracker === 'user' && request.user) return [policy, callerOf(request.user)];
    const byAddress = tracker === 'user' ? addressPolicy : policy;
    return byAddress && [byAddress, this.addressOf(request)];
  }

  private limitFor({ tier, policy }: RouteLimit, limit: number, request: AdapterRequest): number {
    const { roleLimits, tenantLimits } = tier;
    if ((roleLimits.size === 0 && tenantLimits.size === 0) || policy.kind === 'address') return limit;
    const tenant = tenantLimits.size > 0 ? this.settings.getTenant?.(request) : undefined;
    const ofTenant = tenant === undefined ? undefined : tenantLimits.get(tenant);
    if (ofTenant !== undefined) return Math.min(ofTenant, MOST);
    const ofRoles = (request.user?.roles ?? []).flatMap((role) => roleLimits.get(role) ?? []);
    return ofRoles.length > 0 ? Math.min(Math.max(...ofRoles), MOST) : limit;
  }
}

/** Who is counted: each API key for itself, and its owner apart from them. */
function callerOf({ id, apiKey }: Principal): string {
  return apiKey === undefined ? id : `api-key:${apiKey.id}`;
}

function isSkipped({ tier }: RouteLimit, request: AdapterRequest, context: ExecutionContext): boolean {
  if (tier.skipIf?.(context) === true) return true;
  if (tier.ignoreUserAgents.length === 0) return false;
  const agent = request.headers['user-agent'] ?? '';
  // A pattern with the flag g remembers where it stopped.
  return tier.ignoreUserAgents.some((pattern) => agent.search(pattern) >= 0);
}

async function resolve(
  of: RouteLimit,
  what: 'limit' | 'windowMs' | 'blockMs' | 'cost',
  context: ExecutionContext,
): Promise<number> {
  const given: Resolvable<number> = of[what];
  const value = Number(typeof given === 'function' ? await given(context) : given);
  if (Number.isNaN(value)) {
    throw new TypeError(
      `The ${what} of the tier "${of.tier.name}" came out as no number; let its function return one.`,
    );
  }
  return Math.min(MOST, Math.max(0, Math.ceil(value)));
}
