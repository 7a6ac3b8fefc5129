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

/** Returned by a loader whose result is good, but not to be stored. @internal */
export class DoNotStore {
  constructor(readonly value: unknown) {}
}

/** `entry` is missing where the result cannot be stored. */
export interface Loaded {
  readonly value: unknown;
  /** Whether callers who waited have to load for themselves: a stream can be read once. */
  readonly isForOne?: boolean;
  readonly entry: Entry | undefined;
  readonly outcome: CacheOutcome;
}

const POLL_MS = 20;
const MAX_POLL_MS = 100;

/** Gets a result that is not in memory: from Redis, or else by the load, which one replica at a time does. */
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
   * @param spare what is stale, or may be given where the load fails
   * @param isRefresh whether nobody waits for the result
   */
  async find(
    id: string,
    request: CacheRequest,
    load: () => unknown,
    spare: Entry | undefined,
    isRefresh: boolean,
  ): Promise<Loaded> {
    if (!this.redis || this.redis.isDown) return this.load(id, request, load, spare);
    const found = await this.entries.inRedis(id);
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
    for (let pause = POLL_MS; ; pause = Math.min(pause * 1.5, MAX_POLL_MS)) {
      const isOurs = await redis.setIfMissing(lock, token, this.settings.lockMs);
      if (isOurs === UNAVAILABLE) break;
      if (isOurs) {
        try {
          // The replica that had the lock before may have stored it since we looked.
          return (await this.freshInRedis(id)) ?? (await this.load(id, request, load, spare));
        } finally {
          void redis.deleteIfEqual(lock, token);
        }
      }
      // Somebody refreshes it already.
      if (isRefresh && spare) return { value: undefined, entry: spare, outcome: 'stale' };
      if (performance.now() > deadline) break;
      await sleep(pause);
      const found = await this.freshInRedis(id);
      if (found) return found;
    }
    return this.load(id, request, load, spare);
  }

  private async freshInRedis(id: string): Promise<Loaded | undefined> {
    const entry = await this.entries.inRedis(id);
    const isFresh = entry && freshness(entry, Date.now()) === 'fresh';
    return isFresh ? { value: undefined, entry, outcome: 'hit_redis' } : undefined;
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
      const rescue = await this.entries.valid(spare);
      if (rescue && ['stale', 'spare'].includes(freshness(rescue, Date.now()))) {
        return { value: undefined, entry: rescue, outcome: 'stale_error' };
      }
      throw error;
    }
    if (result instanceof DoNotStore)
      return { value: result.value, entry: undefined, outcome: 'uncacheable', isForOne: true };
    const entry = this.entryOf(request, result, versions);
    if (entry) await this.entries.put(id, entry);
    const isForOne = !entry && result !== undefined && result !== null;
    return { value: result, entry, outcome: entry ? 'miss' : 'uncacheable', isForOne };
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
