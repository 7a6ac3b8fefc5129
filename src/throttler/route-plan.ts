import { RequestMethod, type Type } from '@nestjs/common';
import type { ModulesContainer, Reflector } from '@nestjs/core';
import type { Resolvable, ThrottlerGenerateKeyFunction, ThrottlerGetTrackerFunction } from '@nestjs/throttler';
// The package does not export its metadata keys. If a later version moves them, this import fails at the start; a copy
// of the keys would instead ignore the decorators of all routes.
import {
  THROTTLER_BLOCK_DURATION,
  THROTTLER_KEY_GENERATOR,
  THROTTLER_LIMIT,
  THROTTLER_SKIP,
  THROTTLER_TRACKER,
  THROTTLER_TTL,
} from '@nestjs/throttler/dist/throttler.constants.js';
import { OPERATIONAL_ROUTE, PUBLIC_ROUTE, hasRouteFlag } from '../guards/index.js';
import { ROUTE_THROTTLE_TIERS } from '../ports/index.js';
import { joinPaths, pathPattern } from './path-pattern.js';
import { Policy, toSeconds, type TrackerKind } from './policy.js';
import type { ThrottlerSettings, Tier } from './settings.js';
import type { ThrottleTracker } from './throttler.options.js';

type Handler = (...args: never[]) => unknown;

/** Metadata keys of `@Throttle()` and `@SkipThrottle()`. The name of the tier follows. */
const METADATA = {
  limit: THROTTLER_LIMIT,
  ttl: THROTTLER_TTL,
  blockDuration: THROTTLER_BLOCK_DURATION,
  getTracker: THROTTLER_TRACKER,
  generateKey: THROTTLER_KEY_GENERATOR,
  skip: THROTTLER_SKIP,
} as const;

/** One limit that applies to a route. */
export interface RouteLimit {
  readonly tier: Tier;
  readonly policy: Policy;
  /** For a tier that counts only by user: the policy for the address of a request without a user. */
  readonly addressPolicy: Policy | undefined;
  readonly tracker: ThrottleTracker | ThrottlerGetTrackerFunction;
  readonly generateKey: ThrottlerGenerateKeyFunction | undefined;
  readonly limit: Resolvable<number>;
  readonly windowMs: Resolvable<number>;
  readonly blockMs: Resolvable<number>;
  readonly cost: Resolvable<number>;
  /** Whether a function must be called for each request, which may return a promise. */
  readonly isDynamic: boolean;
}

/** Limits checked before authentication, limits checked after it, or all limits. */
export type RoutePhase = 'address' | 'principal' | 'all';

/** The limits of a route, by phase. Computed once. */
export interface RoutePlan {
  readonly address: readonly RouteLimit[];
  readonly principal: readonly RouteLimit[];
  readonly all: readonly RouteLimit[];
  readonly isDynamic: boolean;
  /** The header `RateLimit-Policy`; undefined where it depends on the request. */
  readonly policyField: string | undefined;
}

/** Steps that a subclass of the guard overrides. */
export interface PlanOverrides {
  readonly getTracker?: ThrottlerGetTrackerFunction;
  readonly generateKey?: ThrottlerGenerateKeyFunction;
}

/** Key of Nest's metadata, followed by the id of the application. Nest does not export it. */
const MODULE_PATH = '__module_path__';

const NO_LIMITS: RoutePlan = { address: [], principal: [], all: [], isDynamic: false, policyField: undefined };

/** Finds the limits of a route from its decorators, its path and the options. */
export class RoutePlanner {
  private readonly excluded: readonly RegExp[];
  private readonly rules: readonly {
    pattern: RegExp;
    methods: ReadonlySet<string> | undefined;
    tiers: readonly string[];
  }[];

  constructor(
    private readonly settings: ThrottlerSettings,
    private readonly reflector: Reflector,
    private readonly modules: ModulesContainer,
  ) {
    this.excluded = settings.excludePaths.map(pathPattern);
    this.rules = settings.routes.map(({ path, methods, tiers }) => ({
      pattern: pathPattern(path),
      methods: methods && new Set(methods.map((method) => method.toUpperCase())),
      tiers,
    }));
  }

  plan(handler: Handler, controller: Type, overrides: PlanOverrides = {}): RoutePlan {
    const read = <T>(key: string | symbol) =>
      this.reflector.getAllAndOverride<T | undefined>(key, [handler, controller]);
    if (hasRouteFlag(this.reflector, OPERATIONAL_ROUTE, handler, controller)) return NO_LIMITS;
    const isPublic = hasRouteFlag(this.reflector, PUBLIC_ROUTE, handler, controller);
    const paths = this.declaredPaths(handler, controller);
    const isExcluded = paths.every((path) => this.excluded.some((pattern) => pattern.test(path)));
    const asked = new Set([...(read<string[]>(ROUTE_THROTTLE_TIERS) ?? []), ...this.tiersByPath(handler, paths)]);
    this.assertKnown(asked, controller, handler);

    const all = this.settings.tiers.flatMap((tier) => {
      const decorated = <T>(key: keyof typeof METADATA) => read<T>(METADATA[key] + tier.name);
      const isDecorated = (['limit', 'ttl', 'blockDuration', 'getTracker', 'generateKey'] as const).some(
        (key) => decorated(key) !== undefined,
      );
      const applies = isDecorated || asked.has(tier.name) || (tier.global && !isExcluded);
      if (!applies || decorated<boolean>('skip') === true) return [];
      const scope = isDecorated || tier.scope === 'route' ? routeScope(controller, handler, paths) : '';
      return this.limitsOf(tier, scope, decorated, overrides, isPublic);
    });
    const isPlain = all.every((limit) => typeof limit.limit === 'number' && typeof limit.windowMs === 'number');
    return {
      address: all.filter(({ tracker }) => tracker === 'address'),
      principal: all.filter(({ tracker }) => tracker !== 'address'),
      all,
      isDynamic: all.some(({ isDynamic }) => isDynamic),
      policyField: isPlain
        ? policyField(all.map((of) => ({ of, limit: Number(of.limit), windowMs: Number(of.windowMs) })))
        : undefined,
    };
  }

  private limitsOf(
    tier: Tier,
    scope: string,
    decorated: <T>(key: keyof typeof METADATA) => T | undefined,
    overrides: PlanOverrides,
    isPublic: boolean,
  ): RouteLimit[] {
    const getTracker = decorated<ThrottlerGetTrackerFunction>('getTracker') ?? tier.getTracker ?? overrides.getTracker;
    const generateKey =
      decorated<ThrottlerGenerateKeyFunction>('generateKey') ?? tier.generateKey ?? overrides.generateKey;
    const trackers: readonly (ThrottleTracker | ThrottlerGetTrackerFunction)[] = getTracker
      ? [getTracker]
      : isPublic
        ? withoutUsers(tier.by)
        : tier.by;
    const values = {
      limit: decorated<Resolvable<number>>('limit') ?? tier.limit,
      windowMs: decorated<Resolvable<number>>('ttl') ?? tier.ttlMs,
      blockMs: decorated<Resolvable<number>>('blockDuration') ?? tier.blockDurationMs,
      cost: tier.cost,
    };
    const hasFunctions = Object.values(values).some((value) => typeof value === 'function');
    const policyOf = (kind: TrackerKind) =>
      // A generated key contains what it counts.
      new Policy(tier.name, tier.index, kind, generateKey ? '' : scope, tier.algorithm, tier.fallback, tier.shadow);
    return trackers.map((tracker) => ({
      ...values,
      tier,
      tracker,
      generateKey,
      policy: policyOf(typeof tracker === 'function' ? 'custom' : tracker),
      addressPolicy: tracker === 'user' && !trackers.includes('address') ? policyOf('address') : undefined,
      isDynamic: hasFunctions || typeof tracker === 'function',
    }));
  }

  private tiersByPath(handler: Handler, paths: readonly string[]): string[] {
    const method = RequestMethod[Reflect.getMetadata('method', handler) as RequestMethod] ?? 'ALL';
    return this.rules
      .filter(({ pattern, methods }) => {
        const isMethod = methods === undefined || method === 'ALL' || methods.has(method);
        return isMethod && paths.some((path) => pattern.test(path));
      })
      .flatMap(({ tiers }) => tiers);
  }

  /** The paths that RouterModule and the decorators declare, without global prefix and version. */
  private declaredPaths(handler: Handler, controller: Type): string[] {
    const listOf = (target: object) => [Reflect.getMetadata('path', target) as string | string[] | undefined].flat();
    return this.modulePaths(controller).flatMap((module) =>
      listOf(controller).flatMap((prefix) =>
        listOf(handler).map((path) => joinPaths(module, prefix ?? '', path ?? '')),
      ),
    );
  }

  /** The prefixes that RouterModule gives to a controller, one for each module that declares the controller. */
  private modulePaths(controller: Type): string[] {
    const key = MODULE_PATH + this.modules.applicationId;
    const paths = [...this.modules.values()]
      .filter(({ controllers }) => controllers.has(controller))
      .map(({ metatype }) => (Reflect.getMetadata(key, metatype) as string | undefined) ?? '');
    return paths.length > 0 ? [...new Set(paths)] : [''];
  }

  private assertKnown(asked: ReadonlySet<string>, controller: Type, handler: Handler): void {
    const known = this.settings.tiers.map(({ name }) => name);
    const unknown = [...asked].find((name) => !known.includes(name));
    if (unknown === undefined) return;
    throw new TypeError(
      `${controller.name}.${handler.name} asks for the tier "${unknown}", which does not exist. The tiers are ` +
        `${known.join(', ')}. Add it to the option \`tiers\` of ThrottlerModule, or correct @ThrottleTier().`,
    );
  }
}

/** `RateLimit-Policy` (IETF draft): `"default";q=100;w=60`. A tier that is counted twice is listed once. */
export function policyField(limits: readonly { of: RouteLimit; limit: number; windowMs: number }[]): string {
  const items = new Map<string, string>();
  for (const { of, limit, windowMs } of limits) {
    if (of.tier.shadow || !of.tier.setHeaders || items.has(of.tier.name)) continue;
    items.set(of.tier.name, `"${of.tier.name}";q=${limit};w=${toSeconds(windowMs)}`);
  }
  return [...items.values()].join(', ');
}

/** On a public route no user is authenticated, so that all its limits count the address, in one step. */
function withoutUsers(trackers: readonly ThrottleTracker[]): ThrottleTracker[] {
  return [...new Set(trackers.map((tracker) => (tracker === 'user' ? 'address' : tracker)))];
}

/** Identifies a route in all replicas, in characters that keys may contain. */
function routeScope(controller: Type, handler: Handler, [path = '']: readonly string[]): string {
  return `${controller.name}.${handler.name}${path}`.replace(/[^\w./-]/g, '_');
}
