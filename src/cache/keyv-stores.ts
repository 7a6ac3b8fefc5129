import { EventEmitter } from 'node:events';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import { MemoryTier } from './memory.tier.js';
import { UNAVAILABLE, type RedisTier } from './redis.tier.js';
import type { TagVersions } from './tag-versions.js';

const KEYS = 'keyv:';
/** Tag that all of them have. */
const VERSION = 'bulwark.keyv';
const MAX_TTL_MS = 10 * 365 * 86_400_000;

/**
 * What stands behind `CACHE_MANAGER` of @nestjs/cache-manager: Redis, by the client that the application has, and memory
 * while there is none or while it does not answer. @keyv/redis would bring a second client, node-redis, with a connection,
 * options and a behaviour in outages of its own.
 */
class TieredStore extends EventEmitter {
  opts = {};
  namespace?: string;

  constructor(
    private readonly memory: MemoryTier<string>,
    private readonly redis: RedisTier | undefined,
    private readonly versions: TagVersions,
  ) {
    super();
  }

  async get(key: string): Promise<string | undefined> {
    const name = await this.nameOf(key);
    const found = this.redis ? await this.redis.get(name) : UNAVAILABLE;
    return found === UNAVAILABLE ? this.memory.get(name) : (found ?? undefined);
  }

  async set(key: string, value: string, ttlMs = MAX_TTL_MS): Promise<void> {
    const name = await this.nameOf(key);
    const answer = this.redis ? await this.redis.set(name, value, ttlMs) : UNAVAILABLE;
    if (answer === UNAVAILABLE) this.memory.set(name, value, value.length, Date.now() + ttlMs);
  }

  async delete(key: string): Promise<boolean> {
    const name = await this.nameOf(key);
    const isHere = this.memory.delete(name);
    const deleted = this.redis ? await this.redis.delete(name) : 0;
    return isHere || (typeof deleted === 'number' && deleted > 0);
  }

  /**
   * Of this application, in both tiers and on all replicas: from the next version on nobody finds what was there before.
   * That takes one command, also where Redis is shared with others or away at the moment; what is found no more is then
   * removed behind the caller's back.
   */
  async clear(): Promise<void> {
    this.memory.clear();
    await this.versions.invalidateTags([VERSION]);
    const current = await this.nameOf('');
    void this.redis?.deleteAll(KEYS, (name) => !name.startsWith(current));
  }

  async disconnect(): Promise<void> {
    // The client is the application's.
  }

  private async nameOf(key: string): Promise<string> {
    const [version] = await this.versions.current([VERSION]);
    return `${KEYS}${version}:${key}`;
  }
}

/** @param ttlMs how long a value is kept where `set` does not say */
export function keyvOf(
  memory: MemoryTier<string>,
  { shared, versions }: { readonly shared: RedisTier | undefined; readonly versions: TagVersions },
  ttlMs: number,
): Keyv {
  return new Keyv({
    store: new TieredStore(memory, shared, versions) as unknown as KeyvStoreAdapter,
    ttl: ttlMs,
    useKeyPrefix: false,
  });
}
