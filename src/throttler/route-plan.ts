import { RequestMethod, type Type } from '@nestjs/common';
import type { ModulesContainer, Reflector } from '@nestjs/core';
import { OPERATIONAL_ROUTE, PUBLIC_ROUTE, hasRouteFlag } from '../guards/index.js';
import { ROUTE_THROTTLE_TIERS } from '../ports/index.js';
import { joinPaths, pathPattern } from './path-pattern.js';
import { Policy, toSeconds, type TrackerKind } from './policy.js';
import type { ThrottlerSettings, Tier } from './settings.js';
import type {
  Resolvable,
  ThrottlerGenerateKeyFunction,
  ThrottlerGetTrackerFunction,
} from './nestjs-throttler-compat.js';
import { METADATA, SKIP_ALL } from './throttler.decorators.js';
import type { ThrottleTracker } from './throttler.options.js';

type Handler = (...args: never[]) => unknown;

/** One limit that holds a route. */
export interface RouteLimit {
  readonly tier: Tier;
  readonly policy: Policy;
  /** Where nobody is authenticated and the tier counts by user alone: the policy for the address. */
  readonly addressPolicy: Policy | undefined;
  readonly tracker: ThrottleTracker | ThrottlerGetTrackerFunction;
  readonly generateKey: ThrottlerGenerateKeyFunction | undefined;
  readonly limit: Resolvable<number>;
  readonly windowMs: Resolvable<number>;
  readonly blockMs: Resolvable<number>;
  readonly cost: Resolvable<number>;
  /** Whether something must be worked out for each request that may take time. */
  readonly isDynamic: boolean;
}

/** What is to be done for a route, worked out once. */
export interface RoutePlan {
  /** Before authentication, after it, and all. */
  readonly address: readonly RouteLimit[];
  readonly principal: readonly RouteLimit[];
  readonly all: readonly RouteLimit[];
  readonly isDynamic: boolean;
  /** `RateLimit-Policy`; undefined where it depends on the request. */
  readonly policyField: string | undefined;
}

/** Steps that a subclass of the guard does its own way. */
export interface PlanOverrides {
  readonly getTracker?: ThrottlerGetTrackerFunction;
  readonly generateKey?: ThrottlerGenerateKeyFunction;
}

/** Nest's own key, followed by the id of the application; it is exported nowhere. */
const MODULE_PATH = '__module_path__';

const NOTHING: RoutePlan = { address: [], principal: [], all: [], isDynamic: false, policyField: undefined };

/** Works out which limits hold a route: from its decorators, from its path, and from the configuration. */
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
    if (hasRouteFlag(this.reflector, OPERATIONAL_ROUTE, handler, controller)) return NOTHING;
    const isPublic = hasRouteFlag(this.reflector, PUBLIC_ROUTE, handler, controller);
    const isAllSkipped = read<boolean>(SKIP_ALL) === true;
    const paths = this.declaredPaths(handler, controller);
    const isExcluded = paths.every((path) => this.excluded.some((pattern) => pattern.test(path)));
    const asked = new Set([...(read<string[]>(ROUTE_THROTTLE_TIERS) ?? []), ...this.tiersByPath(handler, paths)]);
    this.refuseUnknown(asked, controller, handler);

    const all = this.settings.tiers.flatMap((tier) => {
      const own = <T>(key: keyof typeof METADATA) => read<T>(METADATA[key] + tier.name);
      const isOwn = (['limit', 'ttl', 'blockDuration', 'getTracker', 'generateKey'] as const).some(
        (key) => own(key) !== undefined,
      );
      const holds = isOwn || asked.has(tier.name) || (tier.global && !isExcluded);
      if (!holds || isAllSkipped || own<boolean>('skip') === true) return [];
      const scope = isOwn || tier.scope === 'route' ? routeScope(controller, handler, paths) : '';
      return this.limitsOf(tier, scope, own, overrides, isPublic);
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
    own: <T>(key: keyof typeof METADATA) => T | undefined,
    overrides: PlanOverrides,
    isPublic: boolean,
  ): RouteLimit[] {
    const getTracker = own<ThrottlerGetTrackerFunction>('getTracker') ?? tier.getTracker ?? overrides.getTracker;
    const generateKey = own<ThrottlerGenerateKeyFunction>('generateKey') ?? tier.generateKey ?? overrides.generateKey;
    const trackers: readonly (ThrottleTracker | ThrottlerGetTrackerFunction)[] = getTracker
      ? [getTracker]
      : isPublic
        ? withoutUsers(tier.by)
        : tier.by;
    const values = {
      limit: own<Resolvable<number>>('limit') ?? tier.limit,
      windowMs: own<Resolvable<number>>('ttl') ?? tier.ttlMs,
      blockMs: own<Resolvable<number>>('blockDuration') ?? tier.blockDurationMs,
      cost: tier.cost,
    };
    const hasFunctions = Object.values(values).some((value) => typeof value === 'function');
    const policyOf = (kind: TrackerKind) =>
      // A key that is generated says itself what it is about.
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

  /** The paths that RouterModule and the decorators say, without the global prefix and version. */
  private declaredPaths(handler: Handler, controller: Type): string[] {
    const listOf = (target: object) => [Reflect.getMetadata('path', target) as string | string[] | undefined].flat();
    return this.modulePaths(controller).flatMap((module) =>
      listOf(controller).flatMap((prefix) =>
        listOf(handler).map((path) => joinPaths(module, prefix ?? '', path ?? '')),
      ),
    );
  }

  /** What RouterModule puts before the paths of a controller, by each module that has it. */
  private modulePaths(controller: Type): string[] {
    const key = MODULE_PATH + this.modules.applicationId;
    const paths = [...this.modules.values()]
      .filter(({ controllers }) => controllers.has(controller))
      .map(({ metatype }) => (Reflect.getMetadata(key, metatype) as string | undefined) ?? '');
    return paths.length > 0 ? [...new Set(paths)] : [''];
  }

  private refuseUnknown(asked: ReadonlySet<string>, controller: Type, handler: Handler): void {
    const known = this.settings.tiers.map(({ name }) => name);
    const unknown = [...asked].find((name) => !known.includes(name));
    if (unknown === undefined) return;
    throw new TypeError(
      `${controller.name}.${handler.name} asks for the tier "${unknown}", and there are ${known.join(', ')}. ` +
        'Add it to the tiers of ThrottlerModule, or mend @ThrottleTier().',
    );
  }
}

/** `RateLimit-Policy` (IETF draft): `"default";q=100;w=60`. Each name stands once, though it be counted twice. */
export function policyField(limits: readonly { of: RouteLimit; limit: number; windowMs: number }[]): string {
  const items = new Map<string, string>();
  for (const { of, limit, windowMs } of limits) {
    if (of.tier.shadow || !of.tier.setHeaders || items.has(of.tier.name)) continue;
    items.set(of.tier.name, `"${of.tier.name}";q=${limit};w=${toSeconds(windowMs)}`);
  }
  return [...items.values()].join(', ');
}

/** Nobody is authenticated on a public route, so that its addresses can all be counted in one step. */
function withoutUsers(trackers: readonly ThrottleTracker[]): ThrottleTracker[] {
  return [...new Set(trackers.map((tracker) => (tracker === 'user' ? 'address' : tracker)))];
}

/** Names a route among all replicas, in characters that keys can hold. */
function routeScope(controller: Type, handler: Handler, [path = '']: readonly string[]): string {
  return `${controller.name}.${handler.name}${path}`.replace(/[^\w./-]/g, '_');
}
