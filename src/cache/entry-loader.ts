import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheMetrics, CacheOutcome } from './cache.metrics.js';
import type { CacheSettings } from './cache.options.js';
import type { CacheRequest } from './cache.request.js';
import { freshness, type Entry } from './entry.js';
import type { EntryStore } from './entry-store.js';
import { UNAVAILABLE, type RedisTier } from './redis.tier.js';
import type { TagVersions } from './tag-versions.js';
import { codecOf, UncacheableError } from './value-codec.js';

/** Returned by a loader whose result must not be stored. @internal */
export class DoNotStore {
  constructor(readonly value: unknown) {}
}

export interface Loaded {
  readonly value: unknown;
  /** Whether callers that waited have to load again, because for example a stream can be read only once. */
  readonly isForOneCaller?: boolean;
  /** Undefined if the result cannot be stored. */
  readonly entry: Entry | undefined;
  readonly outcome: CacheOutcome;
}

const POLL_MS = 20;
const MAX_POLL_MS = 100;

/** Gets a result that is not in memory: from Redis, or by a load, which only one replica runs at a time. */
export class EntryLoader {
  constructor(
    private readonly entries: EntryStore,
    private readonly redis: RedisTier | undefined,
    private readonly versions: TagVersions,
    private readonly settings: CacheSettings,
    private readonly metrics: CacheMetrics,
    private readonly warn: (name: string, why: string) => void,
  ) {}

  /**
   * @param staleEntry an entry that is stale or may be returned if the load fails
   * @param isRefresh whether no caller waits for the result
   */
  async find(
    id: string,
    request: CacheRequest,
    load: () => unknown,
    staleEntry: Entry | undefined,
    isRefresh: boolean,
  ): Promise<Loaded> {
    if (!this.redis || this.redis.isDown) return this.load(id, request, load, staleEntry);
    const found = await this.entries.findInRedis(id);
    const state = found && freshness(found, Date.now());
    if (found && state === 'fresh') return { value: undefined, entry: found, outcome: 'hit_redis' };
    // It is in memory from now on, so the next caller starts a refresh.
    if (found && state === 'stale' && !isRefresh) return { value: undefined, entry: found, outcome: 'stale' };
    if (this.settings.lockMs === 0) return this.load(id, request, load, staleEntry ?? found);
    return this.loadLocked(id, request, load, staleEntry ?? found, isRefresh);
  }

  private async loadLocked(
    id: string,
    request: CacheRequest,
    load: () => unknown,
    staleEntry: Entry | undefined,
    isRefresh: boolean,
  ): Promise<Loaded> {
    const redis = this.redis as RedisTier;
    const [lock, token] = [`lock:${id}`, randomUUID()];
    const deadline = performance.now() + this.settings.lockMs;
    for (let pause = POLL_MS; ; pause = Math.min(pause * 1.5, MAX_POLL_MS)) {
      const isLocked = await redis.setIfMissing(lock, token, this.settings.lockMs);
      if (isLocked === UNAVAILABLE) break;
      if (isLocked) {
        try {
          // The replica that held the lock before may have stored a result meanwhile.
          return (await this.freshInRedis(id)) ?? (await this.load(id, request, load, staleEntry));
        } finally {
          void redis.deleteIfEqual(lock, token);
        }
      }
      // Another replica refreshes it already.
      if (isRefresh && staleEntry) return { value: undefined, entry: staleEntry, outcome: 'stale' };
      if (performance.now() > deadline) break;
      await sleep(pause);
      const found = await this.freshInRedis(id);
      if (found) return found;
    }
    return this.load(id, request, load, staleEntry);
  }

  private async freshInRedis(id: string): Promise<Loaded | undefined> {
    const entry = await this.entries.findInRedis(id);
    const isFresh = entry && freshness(entry, Date.now()) === 'fresh';
    return isFresh ? { value: undefined, entry, outcome: 'hit_redis' } : undefined;
  }

  private async load(id: string, request: CacheRequest, load: () => unknown, staleEntry?: Entry): Promise<Loaded> {
    const tags = request.tags ?? [];
    // Read before the load: an invalidation during the load makes its result invalid.
    const versions = await this.versions.current(tags);
    let result: unknown;
    try {
      result = await load();
    } catch (error) {
      this.metrics.loadFailed();
      const usable = await this.entries.validate(staleEntry);
      if (usable && ['stale', 'stale-if-error'].includes(freshness(usable, Date.now()))) {
        return { value: undefined, entry: usable, outcome: 'stale_error' };
      }
      throw error;
    }
    if (result instanceof DoNotStore)
      return { value: result.value, entry: undefined, outcome: 'uncacheable', isForOneCaller: true };
    const entry = this.entryOf(request, result, versions);
    if (entry) await this.entries.set(id, entry);
    const isForOneCaller = !entry && result !== undefined && result !== null;
    return { value: result, entry, outcome: entry ? 'miss' : 'uncacheable', isForOneCaller };
  }

  private entryOf(request: CacheRequest, value: unknown, versions: readonly string[]): Entry | undefined {
    const isNothing = request.isNothing ? request.isNothing(value) : value === undefined || value === null;
    const ttlMs = isNothing ? (request.negativeTtlMs ?? 0) : (request.ttlMs ?? this.settings.ttlMs);
    if (ttlMs <= 0) return undefined;
    try {
      const text = (request.codec ?? codecOf(request.revive)).encode(value);
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
}
