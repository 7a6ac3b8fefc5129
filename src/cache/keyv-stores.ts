import { EventEmitter } from 'node:events';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import { MemoryTier } from './memory.tier.js';
import { UNAVAILABLE, type RedisTier } from './redis.tier.js';
import type { TagVersions } from './tag-versions.js';

const KEYS = 'keyv:';
/** Tag of all values. */
const VERSION = 'bulwark.keyv';
const MAX_TTL_MS = 10 * 365 * 86_400_000;

/**
 * The store of `CACHE_MANAGER` of @nestjs/cache-manager: Redis, through the client of the application, or memory if there
 * is no Redis or it does not answer. @keyv/redis would add a second client, node-redis, with its own connection and
 * options and with other behaviour during outages.
 */
class TieredStore extends EventEmitter {
  opts = {};
  namespace?: string;

  constructor(
    private readonly memory: MemoryTier<unknown>,
    private readonly redis: RedisTier | undefined,
    private readonly versions: TagVersions,
  ) {
    super();
  }

  async get(key: string): Promise<unknown> {
    const name = await this.nameOf(key);
    const found = this.redis ? await this.redis.get(name) : UNAVAILABLE;
    return found === UNAVAILABLE ? this.memory.get(name) : (found ?? undefined);
  }

  async set(key: string, value: unknown, ttlMs = MAX_TTL_MS): Promise<void> {
    const name = await this.nameOf(key);
    const answer = this.redis ? await this.redis.set(name, value as string, ttlMs) : UNAVAILABLE;
    if (answer === UNAVAILABLE) this.memory.set(name, value, estimateSize(value), Date.now() + ttlMs);
  }

  async delete(key: string): Promise<boolean> {
    const name = await this.nameOf(key);
    const isHere = this.memory.delete(name);
    const deleted = this.redis ? await this.redis.delete(name) : 0;
    return isHere || (typeof deleted === 'number' && deleted > 0);
  }

  /**
   * Clears the values of this application, in both tiers and on all replicas. A new version makes the old values
   * unreachable with one command, even if other applications share the Redis or Redis does not answer at the moment. The
   * old values are then deleted in the background.
   */
  async clear(): Promise<void> {
    this.memory.clear();
    await this.versions.invalidateTags([VERSION]);
    const current = await this.nameOf('');
    void this.redis?.deleteAll(KEYS, (name) => !name.startsWith(current));
  }

  async disconnect(): Promise<void> {
    // The application closes its client itself.
  }

  private async nameOf(key: string): Promise<string> {
    const [version] = await this.versions.current([VERSION]);
    return `${KEYS}${version}:${key}`;
  }
}

/** Characters of a value as JSON. A value that JSON cannot express counts as one kilobyte. */
function estimateSize(value: unknown): number {
  if (typeof value === 'string') return value.length;
  try {
    return JSON.stringify(value).length;
  } catch {
    return 1_024;
  }
}

/**
 * Without Redis, the cache returns the value that was stored, such as an instance of a class, as the stock cache does.
 *
 * @param ttlMs how long a value is kept if `set` does not define it
 */
export function keyvOf(
  memory: MemoryTier<unknown>,
  { shared, versions }: { readonly shared: RedisTier | undefined; readonly versions: TagVersions },
  ttlMs: number,
): Keyv {
  return new Keyv({
    store: new TieredStore(memory, shared, versions) as unknown as KeyvStoreAdapter,
    ttl: ttlMs,
    useKeyPrefix: false,
    // Undefined turns Keyv's conversion to JSON off.
    ...(shared ? {} : { serialize: undefined, deserialize: undefined }),
  });
}
