import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, Optional, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Metrics, NoMetrics, REDIS } from '../common/index.js';
import { CacheMetrics, type CacheOutcome } from './cache.metrics.js';
import { CACHE_SETTINGS, type CacheSettings } from './cache.options.js';
import { freshness, lifeOf, readEntry, writeEntry, type Entry } from './entry.js';
import { MemoryTier } from './memory.tier.js';
import { RedisTier, UNAVAILABLE, type CacheRedis } from './redis.tier.js';
import { TagVersions } from './tag-versions.js';
import { decode, encode, UncacheableError } from './value-codec.js';

/** What is to be remembered, and for how long. @publicApi */
export interface CacheRequest {
  /** What is cached, for metrics: a name that the program has, not one that clients choose. */
  readonly name: string;
  /** Tells the results of that name apart. */
  readonly key: string;
  /** How long a result is fresh, in milliseconds. @default `ttlMs` of the module */
  readonly ttlMs?: number;
  /** How long after that it is still given while a new one is loaded, in milliseconds. @default 0 */
  readonly staleWhileRevalidateMs?: number;
  /** How long after being fresh it is given where loading fails, in milliseconds. @default 0 */
  readonly staleIfErrorMs?: number;
  /** How long `null` and `undefined` are remembered, in milliseconds. @default 0: they are not */
  readonly negativeTtlMs?: number;
  /** Names by which {@link CacheService.invalidate} finds it. @default none */
  readonly tags?: readonly string[];
  /** Makes instances of what comes back plain. Without it, results with instances of classes are not cached. */
  readonly revive?: (value: never) => unknown;
  /** Whether a result is remembered for `negativeTtlMs` only. @default for `null` and `undefined` */
  readonly isNothing?: (value: unknown) => boolean;
}

/** @publicApi */
export interface CacheAnswer {
  readonly value: unknown;
  readonly outcome: CacheOutcome;
  /** Age of the result, in milliseconds; 0 where it was loaded for this call. */
  readonly ageMs: number;
  /** How long it is fresh in all, in milliseconds; undefined where it was not stored. */
  readonly ttlMs: number | undefined;
}

/** Returned by a loader whose result is good, but not to be stored. @internal */
export class DoNotStore {
  constructor(readonly value: unknown) {}
}

interface Flight {
  readonly since: number;
  readonly loaded: Promise<Loaded>;
}

/** `entry` is missing where the result cannot be stored. */
interface Loaded {
  readonly value: unknown;
  /** Whether callers who waited have to load for themselves: a stream can be read once. */
  readonly isForOne?: boolean;
  readonly entry: Entry | undefined;
  readonly outcome: CacheOutcome;
}

const POLL_MS = 20;
const LONGEST_POLL_MS = 100;

/**
 * Remembers results in memory and in Redis. A result that many ask for at once is loaded once, in this process and among
 * the replicas; a load that fails is the failure of those who waited for it, and nothing is kept of it. Without Redis, or
 * while it does not answer, memory alone serves.
 *
 * @publicApi
 */
@Injectable()
export class CacheService implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Cache');
  private readonly memory: MemoryTier<Entry>;
  private readonly redis: RedisTier | undefined;
  private readonly versions: TagVersions;
  private readonly metrics: CacheMetrics;
  private readonly flights = new Map<string, Flight>();
  private readonly warned = new Set<string>();

  constructor(
    /** @internal */
    @Inject(CACHE_SETTINGS) readonly settings: CacheSettings,
    @Optional() @Inject(REDIS) redis?: CacheRedis,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    const { maxEntries, maxBytes, keyPrefix, redisOptions } = settings;
    this.memory = new MemoryTier({ maxEntries, maxBytes });
    const client = settings.redis === false ? undefined : (settings.redis ?? redis);
    this.redis = client && new RedisTier(client, { ...redisOptions, keyPrefix });
    this.versions = new TagVersions(this.redis, { keyPrefix, probeIntervalMs: redisOptions.probeIntervalMs });
    this.metrics = new CacheMetrics(metrics, {
      entries: () => this.memory.size,
      bytes: () => this.memory.bytes,
      isDown: () => this.isFallingBack,
      untold: () => this.versions.untold,
    });
    if (!this.redis) return;
    this.redis.onFailure = () => this.metrics.redisFailed();
    this.redis.onChange = (isDown, reason) => this.redisChanged(isDown, reason);
  }

  onModuleInit(): void {
    this.versions.listen();
  }

  onApplicationShutdown(): void {
    this.versions.stop();
    this.redis?.stop();
  }

  /** Redis, where there is one. @internal */
  get shared(): RedisTier | undefined {
    return this.redis;
  }

  get isFallingBack(): boolean {
    return this.redis?.isDown ?? false;
  }

  /** The result of `load`, or what an earlier call for the same name and key had. */
  async wrap<T>(request: CacheRequest, load: () => Promise<T> | T): Promise<T> {
    return (await this.lookup(request, load)).value as T;
  }

  /**
   * Makes every result with one of these tags be loaded anew, on all replicas; also those that are being loaded now. A
   * stale one is not given instead. Replicas that Redis does not reach at the moment are told when it does.
   */
  invalidate(...tags: string[]): Promise<void> {
    return this.versions.invalidate(tags);
  }

  /** As {@link wrap}, with what the cache knows of the result. */
  async lookup(request: CacheRequest, load: () => unknown): Promise<CacheAnswer> {
    const id = `${request.name} ${request.key}`;
    const found = this.valid(this.memory.get(id));
    // Not awaited without need: between this look and the next, a load may end.
    const entry = found instanceof Promise ? await found : found;
    const state = entry && freshness(entry, Date.now());
    if (entry && state === 'fresh') return this.answer(request, entry, 'hit_memory');
    if (entry && state === 'stale') {
      this.refresh(id, request, load);
      return this.answer(request, entry, 'stale');
    }
    const flight = this.flights.get(id);
    if (flight && performance.now() - flight.since < this.settings.flightMs) return this.join(flight, request, load);
    return this.answerLoaded(request, await this.depart(id, request, load, entry));
  }

  /** Counts a call that goes past the cache. @internal */
  bypassed(name: string): void {
    this.metrics.ended(name, 'bypass');
  }

  /** Says once why a result is not cached. @internal */
  warn(name: string, why: string): void {
    if (this.warned.has(name)) return;
    this.warned.add(name);
    this.logger.warn(`${name} is not cached: ${why}`);
  }

  private answer(request: CacheRequest, entry: Entry, outcome: CacheOutcome): CacheAnswer {
    this.metrics.ended(request.name, outcome);
    const decoded = decode(entry.text);
    const value = request.revive ? request.revive(decoded as never) : decoded;
    return { value, outcome, ageMs: Math.max(0, Date.now() - entry.storedAt), ttlMs: entry.ttlMs };
  }

  private answerLoaded(request: CacheRequest, { value, entry, outcome }: Loaded): CacheAnswer {
    // What was found and not loaded is to be read out first.
    if (entry && outcome !== 'miss') return this.answer(request, entry, outcome);
    this.metrics.ended(request.name, outcome);
    return { value, outcome, ageMs: 0, ttlMs: entry?.ttlMs };
  }

  private async join(flight: Flight, request: CacheRequest, load: () => unknown): Promise<CacheAnswer> {
    const { entry, outcome, value, isForOne } = await flight.loaded;
    if (entry) return this.answer(request, entry, outcome === 'miss' ? 'shared' : outcome);
    const own = isForOne ? await load() : value;
    this.metrics.ended(request.name, 'uncacheable');
    return { value: unwrap(own), outcome: 'uncacheable', ageMs: 0, ttlMs: undefined };
  }

  /** Loads anew behind the back of a caller who was given what there is. */
  private refresh(id: string, request: CacheRequest, load: () => unknown): void {
    if (this.flights.has(id)) return;
    this.depart(id, request, load, undefined, true).catch((error: unknown) =>
      this.logger.warn({ err: error, msg: `${request.name} could not be refreshed` }),
    );
  }

  private depart(
    id: string,
    request: CacheRequest,
    load: () => unknown,
    spare: Entry | undefined,
    isRefresh = false,
  ): Promise<Loaded> {
    const loaded = this.find(id, request, load, spare, isRefresh);
    const flight: Flight = { since: performance.now(), loaded };
    this.flights.set(id, flight);
    const land = () => {
      if (this.flights.get(id) === flight) this.flights.delete(id);
    };
    loaded.then(land, land);
    return loaded;
  }

  /** From Redis, or else by loading, which only one replica at a time does. */
  private async find(
    id: string,
    request: CacheRequest,
    load: () => unknown,
    spare: Entry | undefined,
    isRefresh: boolean,
  ): Promise<Loaded> {
    if (!this.redis || this.redis.isDown) return this.load(id, request, load, spare);
    const found = await this.fromRedis(id);
    const state = found && freshness(found, Date.now());
    if (found && state === 'fresh') return { value: undefined, entry: found, outcome: 'hit_redis' };
    // Now that it is in memory, the next caller has it refreshed.
    if (found && state === 'stale' && !isRefresh) return { value: undefined, entry: found, outcome: 'stale' };
    if (this.settings.lockMs === 0) return this.load(id, request, load, spare ?? found);
    return this.loadLocked(id, request, load, spare ?? found, isRefresh);
  }

  private async loadLocked(
    id: string,
    request: CacheRequest,
    load: () => unknown,
    spare: Entry | undefined,
    isRefresh: boolean,
  ): Promise<Loaded> {
    const redis = this.redis as RedisTier;
    const [lock, token] = [`lock:${id}`, randomUUID()];
    const deadline = performance.now() + this.settings.lockMs;
    for (let pause = POLL_MS; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MS)) {
      const isOurs = await redis.setIfMissing(lock, token, this.settings.lockMs);
      if (isOurs === UNAVAILABLE) break;
      if (isOurs) {
        try {
          // The replica that had the lock before may have stored it since we looked.
          const found = await this.fromRedis(id);
          if (found && freshness(found, Date.now()) === 'fresh') {
            return { value: undefined, entry: found, outcome: 'hit_redis' };
          }
          return await this.load(id, request, load, spare);
        } finally {
          void redis.deleteIfEqual(lock, token);
        }
      }
      // Somebody refreshes it already.
      if (isRefresh && spare) return { value: undefined, entry: spare, outcome: 'stale' };
      if (performance.now() > deadline) break;
      await sleep(pause);
      const found = await this.fromRedis(id);
      if (found && freshness(found, Date.now()) === 'fresh') {
        return { value: undefined, entry: found, outcome: 'hit_redis' };
      }
    }
    return this.load(id, request, load, spare);
  }

  private async load(id: string, request: CacheRequest, load: () => unknown, spare?: Entry): Promise<Loaded> {
    const tags = request.tags ?? [];
    // Before the load: an invalidation that comes while it runs makes its result old from the start.
    const versions = await this.versions.current(tags);
    let result: unknown;
    try {
      result = await load();
    } catch (error) {
      this.metrics.loadFailed();
      const rescue = await this.valid(spare);
      if (rescue && ['stale', 'spare'].includes(freshness(rescue, Date.now()))) {
        return { value: undefined, entry: rescue, outcome: 'stale_error' };
      }
      throw error;
    }
    if (result instanceof DoNotStore)
      return { value: result.value, entry: undefined, outcome: 'uncacheable', isForOne: true };
    const entry = this.entryOf(request, result, versions);
    if (entry) await this.store(id, entry);
    const isForOne = !entry && result !== undefined && result !== null;
    return { value: result, entry, outcome: entry ? 'miss' : 'uncacheable', isForOne };
  }

  private entryOf(request: CacheRequest, value: unknown, versions: readonly string[]): Entry | undefined {
    const isNothing = request.isNothing ? request.isNothing(value) : value === undefined || value === null;
    const ttlMs = isNothing ? (request.negativeTtlMs ?? 0) : (request.ttlMs ?? this.settings.ttlMs);
    if (ttlMs <= 0) return undefined;
    try {
      const text = encode(value, request.revive !== undefined);
      if (text.length > this.settings.maxEntryLength) throw new UncacheableError('it is longer than maxEntryLength');
      return {
        text,
        storedAt: Date.now(),
        ttlMs: Math.ceil(ttlMs * (1 - Math.random() * this.settings.jitter)),
        whileRevalidateMs: request.staleWhileRevalidateMs ?? 0,
        ifErrorMs: request.staleIfErrorMs ?? 0,
        tags: request.tags ?? [],
        versions,
      };
    } catch (error) {
      this.warn(request.name, error instanceof UncacheableError ? error.message : String(error));
      return undefined;
    }
  }

  private async store(id: string, entry: Entry): Promise<void> {
    this.keep(id, entry);
    await this.redis?.set(`entry:${id}`, writeEntry(entry), lifeOf(entry));
  }

  private keep(id: string, entry: Entry): void {
    this.memory.set(id, entry, entry.text.length, entry.storedAt + lifeOf(entry));
  }

  private async fromRedis(id: string): Promise<Entry | undefined> {
    const stored = await this.redis?.get(`entry:${id}`);
    const entry = typeof stored === 'string' ? await this.valid(readEntry(stored)) : undefined;
    if (entry) this.keep(id, entry);
    return entry;
  }

  /** The entry, unless one of its tags has been invalidated since its load began. */
  private valid(entry: Entry | undefined): Entry | undefined | Promise<Entry | undefined> {
    if (!entry || entry.tags.length === 0) return entry;
    const current = this.versions.current(entry.tags);
    return current instanceof Promise
      ? current.then((late) => (isCurrent(entry, late) ? entry : undefined))
      : isCurrent(entry, current as readonly string[])
        ? entry
        : undefined;
  }

  private redisChanged(isDown: boolean, reason: string): void {
    if (isDown) this.logger.warn(`Redis is left alone (${reason}); memory serves`);
    else {
      this.logger.log('Redis serves again');
      void this.versions.catchUp();
    }
  }
}

function isCurrent({ versions }: Entry, current: readonly string[]): boolean {
  return versions.every((version, i) => version === current[i]);
}

function unwrap(result: unknown): unknown {
  return result instanceof DoNotStore ? result.value : result;
}
