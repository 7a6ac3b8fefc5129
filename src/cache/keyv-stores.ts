import { EventEmitter } from 'node:events';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import { MemoryTier } from './memory.tier.js';
import { UNAVAILABLE, type RedisTier } from './redis.tier.js';

const LONGEST_LIFE_MS = 10 * 365 * 86_400_000;

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
  ) {
    super();
  }

  async get(key: string): Promise<string | undefined> {
    const found = this.redis ? await this.redis.get(`keyv:${key}`) : UNAVAILABLE;
    return found === UNAVAILABLE ? this.memory.get(key) : (found ?? undefined);
  }

  async set(key: string, value: string, ttlMs = LONGEST_LIFE_MS): Promise<void> {
    const answer = this.redis ? await this.redis.set(`keyv:${key}`, value, ttlMs) : UNAVAILABLE;
    if (answer === UNAVAILABLE) this.memory.set(key, value, value.length, Date.now() + ttlMs);
  }

  async delete(key: string): Promise<boolean> {
    const isHere = this.memory.delete(key);
    const deleted = this.redis ? await this.redis.delete(`keyv:${key}`) : 0;
    return isHere || (typeof deleted === 'number' && deleted > 0);
  }

  /** Of this process alone: to find all keys of a Redis, or of each node of a cluster, takes it a long time. */
  async clear(): Promise<void> {
    this.memory.clear();
  }

  async disconnect(): Promise<void> {
    // The client is the application's.
  }
}

/** @param ttlMs how long a value is kept where `set` does not say */
export function keyvOf(memory: MemoryTier<string>, redis: RedisTier | undefined, ttlMs: number): Keyv {
  return new Keyv({
    store: new TieredStore(memory, redis) as unknown as KeyvStoreAdapter,
    ttl: ttlMs,
    useKeyPrefix: false,
  });
}
