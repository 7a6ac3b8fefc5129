import { Inject, Injectable, Logger, Optional, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Metrics, NoMetrics, REDIS, ResultCache } from '../ports/index.js';
import { CacheMetrics, type CacheOutcome } from './cache.metrics.js';
import { CACHE_SETTINGS, type CacheSettings } from './cache.options.js';
import type { CacheAnswer, CacheRequest } from './cache.request.js';
import { freshness, type Entry } from './entry.js';
import { DoNotStore, EntryLoader, type Loaded } from './entry-loader.js';
import { EntryStore } from './entry-store.js';
import { MemoryTier } from './memory.tier.js';
import { RedisTier, type CacheRedis } from './redis.tier.js';
import { TagVersions } from './tag-versions.js';
import { codecOf, copyOf, decode, deepFreeze, isJson } from './value-codec.js';

interface Flight {
  readonly since: number;
  readonly loaded: Promise<Loaded>;
}

/** Text and objects. */
const ORIGINAL_WEIGHT = 4;

/**
 * Remembers results in memory and in Redis. A result that many ask for at once is loaded once, in this process and among
 * the replicas; a load that fails is the failure of those who waited for it, and nothing is kept of it. Without Redis, or
 * while it does not answer, memory alone serves.
 *
 * @publicApi
 */
@Injectable()
export class CacheService extends ResultCache implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Cache');
  /** @internal */
  readonly versions: TagVersions;
  private readonly redis: RedisTier | undefined;
  private readonly entries: EntryStore;
  private readonly loader: EntryLoader;
  /** Parsed once and copied for each caller, or frozen; for as long as its entry is in memory. */
  private readonly originals = new WeakMap<Entry, unknown>();
  private readonly metrics: CacheMetrics;
  private readonly flights = new Map<string, Flight>();
  private readonly warned = new Set<string>();

  constructor(
    /** @internal */
    @Inject(CACHE_SETTINGS) readonly settings: CacheSettings,
    @Optional() @Inject(REDIS) redis?: CacheRedis,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    super();
    const { maxEntries, maxBytes, keyPrefix, redisOptions } = settings;
    const memory = new MemoryTier<Entry>({ maxEntries, maxBytes });
    const client = settings.redis === false ? undefined : (settings.redis ?? redis);
    this.redis = client && new RedisTier(client, { ...redisOptions, keyPrefix });
    this.versions = new TagVersions(this.redis, { keyPrefix, timeoutMs: redisOptions.timeoutMs });
    this.entries = new EntryStore(memory, this.redis, this.versions);
    this.metrics = new CacheMetrics(metrics, {
      entries: () => memory.size,
      bytes: () => memory.bytes,
      isDown: () => this.isFallingBack,
      pendingInvalidations: () => this.versions.pendingInvalidations,
    });
    this.loader = new EntryLoader(this.entries, this.redis, this.versions, settings, this.metrics, (name, why) =>
      this.warn(name, why),
    );
    if (!this.redis) return;
    this.redis.onFailure = () => this.metrics.redisFailed();
    this.redis.onChange = (isDown, reason) => this.redisChanged(isDown, reason);
  }

  onModuleInit(): void {
    this.versions.subscribe();
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
    return this.versions.invalidateTags(tags);
  }

  /** As {@link wrap}, with what the cache knows of the result. */
  async lookup(request: CacheRequest, load: () => unknown): Promise<CacheAnswer> {
    if (request.ttlMs === 0) return this.bypass(request, load);
    const id = `${request.name} ${request.key}`;
    const found = this.entries.inMemory(id);
    // Not awaited without need: between this look and the next, a load may end.
    const entry = found instanceof Promise ? await found : found;
    const state = entry && freshness(entry, Date.now());
    if (entry && state === 'fresh') return this.answer(id, request, entry, 'hit_memory');
    if (entry && state === 'stale') {
      this.refresh(id, request, load);
      return this.answer(id, request, entry, 'stale');
    }
    const flight = this.flights.get(id);
    if (flight && performance.now() - flight.since < this.settings.flightMs)
      return this.join(id, flight, request, load);
    return this.answerLoaded(id, request, await this.startLoad(id, request, load, entry));
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

  private async bypass({ name }: CacheRequest, load: () => unknown): Promise<CacheAnswer> {
    this.bypassed(name);
    return { value: unwrap(await load()), outcome: 'bypass', ageMs: 0, ttlMs: undefined };
  }

  private answer(id: string, request: CacheRequest, entry: Entry, outcome: CacheOutcome): CacheAnswer {
    this.metrics.ended(request.name, outcome);
    const ageMs = Math.max(0, Date.now() - entry.storedAt);
    return { value: this.read(id, request, entry), outcome, ageMs, ttlMs: entry.ttlMs };
  }

  private read(id: string, { codec, revive, frozen }: CacheRequest, entry: Entry): unknown {
    if (codec || revive || !isJson(entry.text)) return (codec ?? codecOf(revive)).decode(entry.text);
    let original = this.originals.get(entry);
    if (original === undefined) {
      original = decode(entry.text);
      this.originals.set(entry, original);
      this.entries.weigh(id, entry, ORIGINAL_WEIGHT);
    }
    return frozen ? deepFreeze(original) : copyOf(original);
  }

  private answerLoaded(id: string, request: CacheRequest, { value, entry, outcome }: Loaded): CacheAnswer {
    // What was found and not loaded is to be read out first.
    if (entry && outcome !== 'miss') return this.answer(id, request, entry, outcome);
    this.metrics.ended(request.name, outcome);
    // Nobody is to find out only by a hit that the result is frozen.
    const given = entry && request.frozen ? this.read(id, request, entry) : value;
    return { value: given, outcome, ageMs: 0, ttlMs: entry?.ttlMs };
  }

  private async join(id: string, flight: Flight, request: CacheRequest, load: () => unknown): Promise<CacheAnswer> {
    const { entry, outcome, value, isForOne } = await flight.loaded;
    if (entry) return this.answer(id, request, entry, outcome === 'miss' ? 'shared' : outcome);
    const own = isForOne ? await load() : value;
    this.metrics.ended(request.name, 'uncacheable');
    return { value: unwrap(own), outcome: 'uncacheable', ageMs: 0, ttlMs: undefined };
  }

  /** Loads anew behind the back of a caller who was given what there is. */
  private refresh(id: string, request: CacheRequest, load: () => unknown): void {
    if (this.flights.has(id)) return;
    this.startLoad(id, request, load, undefined, true).catch((error: unknown) =>
      this.logger.warn({ err: error, msg: `${request.name} could not be refreshed` }),
    );
  }

  private startLoad(
    id: string,
    request: CacheRequest,
    load: () => unknown,
    spare: Entry | undefined,
    isRefresh = false,
  ): Promise<Loaded> {
    const loaded = this.loader.find(id, request, load, spare, isRefresh);
    const flight: Flight = { since: performance.now(), loaded };
    this.flights.set(id, flight);
    const clearInFlight = () => {
      if (this.flights.get(id) === flight) this.flights.delete(id);
    };
    loaded.then(clearInFlight, clearInFlight);
    return loaded;
  }

  private redisChanged(isDown: boolean, reason: string): void {
    if (isDown) this.logger.warn(`Redis is left alone (${reason}); memory serves`);
    else {
      this.logger.log('Redis serves again');
      void this.versions.publishPending();
    }
  }
}

function unwrap(result: unknown): unknown {
  return result instanceof DoNotStore ? result.value : result;
}
