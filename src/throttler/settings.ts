import type { ThrottlerOptions } from '@nestjs/throttler';
import { DEFAULT_EXCLUDED_PATHS, DEFAULT_TIERS } from './default-tiers.js';
import type {
  FailedLoginOptions,
  ThrottlerModuleOptions,
  ThrottlerObjectOptions,
  ThrottlerRedisOptions,
  ThrottleTierOptions,
  ThrottleTracker,
} from './throttler.options.js';

/** A tier with all defaults applied. */
export interface Tier extends Required<
  Omit<ThrottleTierOptions, 'skipIf' | 'ignoreUserAgents' | 'by' | 'roleLimits' | 'tenantLimits'>
> {
  readonly name: string;
  readonly index: number;
  readonly by: readonly ThrottleTracker[];
  readonly roleLimits: ReadonlyMap<string, number>;
  readonly tenantLimits: ReadonlyMap<string, number>;
  readonly skipIf: ThrottlerOptions['skipIf'];
  readonly ignoreUserAgents: readonly RegExp[];
  readonly getTracker: ThrottlerOptions['getTracker'];
  readonly generateKey: ThrottlerOptions['generateKey'];
  /** Suffix of the names of its headers, as in @nestjs/throttler: `-short`. */
  readonly headerSuffix: string;
}

/** The options with all defaults applied. */
export interface ThrottlerSettings extends Omit<ThrottlerObjectOptions, 'tiers' | 'redisOptions' | 'failedLogins'> {
  readonly tiers: readonly Tier[];
  readonly redisOptions: Required<ThrottlerRedisOptions>;
  readonly failedLogins: Required<FailedLoginOptions>;
  readonly excludePaths: readonly string[];
  readonly routes: NonNullable<ThrottlerObjectOptions['routes']>;
  readonly ipv6SubnetPrefix: number;
  readonly setHeaders: boolean;
  readonly standardHeaders: boolean;
  readonly legacyHeaders: boolean;
  readonly replicas: number;
  readonly maxKeys: number;
  readonly globalGuards: boolean;
  readonly adminRole: string;
}

const REDIS_DEFAULTS: Required<ThrottlerRedisOptions> = {
  timeoutMs: 40,
  failures: 3,
  probeIntervalMs: 1_000,
  blockCacheMs: 5_000,
  keyPrefix: 'bulwark:throttle:',
};
const FAILED_LOGINS = { limit: 5, ttlMs: 900_000 };
const TIER_NAME = /^[\w.-]{1,64}$/;

/** @throws TypeError that names the invalid option and its valid values */
export function settingsOf(given: ThrottlerModuleOptions): ThrottlerSettings {
  const options: ThrottlerObjectOptions = Array.isArray(given) ? { throttlers: given } : given;
  const { limit, ttlMs } = { ...FAILED_LOGINS, ...defined(options.failedLogins) };
  const settings: ThrottlerSettings = {
    ...options,
    tiers: tiersOf(options),
    redisOptions: { ...REDIS_DEFAULTS, ...defined(options.redisOptions) },
    failedLogins: { limit, ttlMs, addressLimit: options.failedLogins?.addressLimit ?? limit },
    excludePaths: options.excludePaths ?? DEFAULT_EXCLUDED_PATHS,
    routes: options.routes ?? [],
    ipv6SubnetPrefix: options.ipv6SubnetPrefix ?? 64,
    setHeaders: options.setHeaders ?? true,
    standardHeaders: options.standardHeaders ?? true,
    legacyHeaders: options.legacyHeaders ?? true,
    replicas: options.replicas ?? 1,
    maxKeys: options.maxKeys ?? 1_000_000,
    globalGuards: options.globalGuards ?? options.throttlers === undefined,
    adminRole: options.adminRole ?? 'Admin',
    getTenant: options.getTenant ?? ((request) => request.user?.tenantId),
  };
  check(settings);
  return Object.freeze(settings);
}

function tiersOf(options: ThrottlerObjectOptions): Tier[] {
  const tiers = new Map<string, Partial<ThrottleTierOptions>>(Object.entries(DEFAULT_TIERS));
  const throttlers = new Map((options.throttlers ?? []).map((throttler) => [throttler.name ?? 'default', throttler]));
  // The given throttlers already apply to every route.
  if (options.throttlers) tiers.delete('default');
  for (const [name, throttler] of throttlers) tiers.set(name, fromStock(throttler));
  for (const [name, tier] of Object.entries(options.tiers ?? {})) {
    tiers.set(name, { ...tiers.get(name), ...defined(tier) });
  }
  return [...tiers].map(([name, tier], index) => tierOf(name, index, tier, options, throttlers.get(name)));
}

function fromStock({ limit, ttl, blockDuration, skipIf, ignoreUserAgents, setHeaders }: ThrottlerOptions) {
  const tier: ThrottleTierOptions = {
    limit: numeric(limit),
    ttlMs: numeric(ttl),
    by: 'address',
    scope: 'route',
    global: true,
  };
  return { ...tier, ...defined({ blockDurationMs: blockDuration, skipIf, ignoreUserAgents, setHeaders }) };
}

function tierOf(
  name: string,
  index: number,
  tier: Partial<ThrottleTierOptions>,
  options: ThrottlerObjectOptions,
  throttler: ThrottlerOptions | undefined,
): Tier {
  const { limit, ttlMs } = tier;
  if (!TIER_NAME.test(name)) {
    throw new TypeError(`A tier is named "${name}". Use up to 64 letters, digits, dots, dashes and underscores.`);
  }
  if (limit === undefined || ttlMs === undefined) {
    throw new TypeError(`The tier "${name}" has no ${limit === undefined ? 'limit' : 'ttlMs'}. Set it.`);
  }
  const { by = 'user' } = tier;
  return {
    name,
    index,
    limit: checked(limit, `limit of the tier "${name}"`),
    ttlMs: checked(ttlMs, `ttlMs of the tier "${name}"`),
    blockDurationMs: tier.blockDurationMs ?? 0,
    algorithm: tier.algorithm ?? 'sliding-window',
    by: typeof by === 'object' ? by : [by],
    cost: checked(tier.cost ?? 1, `cost of the tier "${name}"`),
    global: tier.global ?? name === 'default',
    scope: tier.scope ?? 'tier',
    shadow: tier.shadow ?? false,
    fallback: tier.fallback ?? 'local',
    setHeaders: tier.setHeaders ?? options.setHeaders ?? true,
    roleLimits: new Map(Object.entries(tier.roleLimits ?? {})),
    tenantLimits: new Map(Object.entries(tier.tenantLimits ?? {})),
    skipIf: tier.skipIf ?? options.skipIf,
    ignoreUserAgents: tier.ignoreUserAgents ?? options.ignoreUserAgents ?? [],
    getTracker: throttler?.getTracker ?? options.getTracker,
    generateKey: throttler?.generateKey ?? options.generateKey,
    headerSuffix: throttler && name !== 'default' ? `-${name}` : '',
  };
}

function check({ replicas, maxKeys, tiers, routes, redisOptions }: ThrottlerSettings): void {
  checked(replicas, 'replicas');
  checked(maxKeys, 'maxKeys');
  checked(redisOptions.timeoutMs, 'redisOptions.timeoutMs');
  const known = new Set(tiers.map(({ name }) => name));
  const unknown = routes.flatMap((rule) => rule.tiers).find((name) => !known.has(name));
  if (unknown !== undefined) throw new TypeError(`A route rule asks for the tier "${unknown}". Add it to \`tiers\`.`);
}

/** @nestjs/throttler also accepts numbers as strings, as they come from the environment. */
function numeric(value: ThrottlerOptions['limit'] | string): ThrottlerOptions['limit'] {
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : (value as ThrottlerOptions['limit']);
}

function checked<T>(value: T, what: string): T {
  if (typeof value === 'function') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw new TypeError(`The ${what} is ${String(value)}. Set a whole number from 1, or a function where it is allowed.`);
}

/** Leaves out undefined values, which would otherwise replace a default. */
function defined<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
}
