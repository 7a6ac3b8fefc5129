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

/** A load in flight. */
interface Flight {
  /** Monotonic, in milliseconds. */
  readonly startedAt: number;
  readonly loaded: Promise<Loaded>;
}

/** Estimated size of an entry with its parsed value, as a multiple of the size of its text. */
const PARSED_WEIGHT = 4;

/**
 * Caches results in memory and in Redis. If many callers ask for a result at the same time, it is loaded once, in this
 * process and among the replicas. If a load fails, all callers that waited for it get the error, and nothing is stored.
 * Without Redis, or while it does not answer, only memory is used.
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
  /** Values that were parsed once, for as long as their entries are in memory. Callers get copies, or the frozen value. */
  private readonly parsedValues = new WeakMap<Entry, unknown>();
  private readonly metrics: CacheMetrics;
  private readonly flights = new Map<string, Flight>();
  private readonly warned = new Set<string>();

  /** @internal */
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

  /** Returns the cached result of this name and key, or calls `load` and caches its result. */
  async wrap<T>(request: CacheRequest, load: () => Promise<T> | T): Promise<T> {
    return (await this.lookup(request, load)).value as T;
  }

  /**
   * Invalidates every result that has one of these tags, on all replicas. Results of loads in flight are invalidated, too,
   * and stale results are not returned. If Redis is not available, the message to the other replicas is sent later.
   */
  invalidate(...tags: string[]): Promise<void> {
    return this.versions.invalidateTags(tags);
  }

  /** The same as {@link wrap}, with the outcome, the age and the lifetime of the result. */
  async lookup(request: CacheRequest, load: () => unknown): Promise<CacheAnswer> {
    if (request.ttlMs === 0) return this.bypass(request, load);
    const id = `${request.name} ${request.key}`;
    const found = this.entries.findInMemory(id);
    // Awaited only if it is a promise: otherwise a load could end between this look-up and the next.
    const entry = found instanceof Promise ? await found : found;
    const state = entry && freshness(entry, Date.now());
    if (entry && state === 'fresh') return this.answer(id, request, entry, 'hit_memory');
    if (entry && state === 'stale') {
      this.refresh(id, request, load);
      return this.answer(id, request, entry, 'stale');
    }
    const flight = this.flights.get(id);
    if (flight && performance.now() - flight.startedAt < this.settings.flightMs)
      return this.joinLoad(id, flight, request, load);
    return this.answerLoaded(id, request, await this.startLoad(id, request, load, entry));
  }

  /** Counts a call that did not use the cache. @internal */
  bypassed(name: string): void {
    this.metrics.countOutcome(name, 'bypass');
  }

  /** Logs why a result is not cached, once for each name. @internal */
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
    this.metrics.countOutcome(request.name, outcome);
    const ageMs = Math.max(0, Date.now() - entry.storedAt);
    return { value: this.read(id, request, entry), outcome, ageMs, ttlMs: entry.ttlMs };
  }

  private read(id: string, { codec, revive, frozen }: CacheRequest, entry: Entry): unknown {
    if (codec || revive || !isJson(entry.text)) return (codec ?? codecOf(revive)).decode(entry.text);
    let parsed = this.parsedValues.get(entry);
    if (parsed === undefined) {
      parsed = decode(entry.text);
      this.parsedValues.set(entry, parsed);
      this.entries.setWeight(id, entry, PARSED_WEIGHT);
    }
    return frozen ? deepFreeze(parsed) : copyOf(parsed);
  }

  private answerLoaded(id: string, request: CacheRequest, { value, entry, outcome }: Loaded): CacheAnswer {
    // An entry that was found and not loaded has to be decoded first.
    if (entry && outcome !== 'miss') return this.answer(id, request, entry, outcome);
    this.metrics.countOutcome(request.name, outcome);
    // The first caller gets the frozen object, too, so that a write to it fails from the beginning.
    const result = entry && request.frozen ? this.read(id, request, entry) : value;
    return { value: result, outcome, ageMs: 0, ttlMs: entry?.ttlMs };
  }

  private async joinLoad(id: string, flight: Flight, request: CacheRequest, load: () => unknown): Promise<CacheAnswer> {
    const { entry, outcome, value, isForOneCaller } = await flight.loaded;
    if (entry) return this.answer(id, request, entry, outcome === 'miss' ? 'shared' : outcome);
    const result = isForOneCaller ? await load() : value;
    this.metrics.countOutcome(request.name, 'uncacheable');
    return { value: unwrap(result), outcome: 'uncacheable', ageMs: 0, ttlMs: undefined };
  }

  /** Loads a result again in the background. */
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
    staleEntry: Entry | undefined,
    isRefresh = false,
  ): Promise<Loaded> {
    const loaded = this.loader.find(id, request, load, staleEntry, isRefresh);
    const flight: Flight = { startedAt: performance.now(), loaded };
    this.flights.set(id, flight);
    const clearInFlight = () => {
      if (this.flights.get(id) === flight) this.flights.delete(id);
    };
    loaded.then(clearInFlight, clearInFlight);
    return loaded;
  }

  private redisChanged(isDown: boolean, reason: string): void {
    if (isDown) this.logger.warn(`Redis is not used for now, only memory (${reason})`);
    else {
      this.logger.log('Redis is used again');
      void this.versions.publishPending();
    }
  }
}

function unwrap(result: unknown): unknown {
  return result instanceof DoNotStore ? result.value : result;
}
