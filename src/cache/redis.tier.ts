import { CircuitBreaker } from '../redis/circuit-breaker.js';
import { withTimeLimit } from '../common/index.js';

/** The commands that the cache uses; a client of ioredis, for one server or a cluster, has them. @publicApi */
export interface CacheRedis {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: 'PX', ttlMs: number): Promise<unknown>;
  set(key: string, value: string, unit: 'PX', ttlMs: number, when: 'NX'): Promise<unknown>;
  del(key: string): Promise<number>;
  eval(script: string, keyCount: number, ...args: (string | number)[]): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  scan(cursor: string, match: 'MATCH', pattern: string, count: 'COUNT', most: number): Promise<[string, string[]]>;
  unlink(key: string): Promise<number>;
  duplicate(): unknown;
  /** Of a cluster: its servers, each with keys of its own. */
  nodes?(role: 'master'): CacheRedisNode[];
}

/** One server of a cluster. @publicApi */
export type CacheRedisNode = Pick<CacheRedis, 'scan' | 'unlink'>;

/** @internal */
export interface RedisTierOptions {
  keyPrefix: string;
  /** Longest wait for one answer, in milliseconds. */
  timeoutMs: number;
  /** Failures in a row after which Redis is left alone. */
  failures: number;
  /** Pause before each probe of a Redis that is left alone, in milliseconds. */
  probeIntervalMs: number;
}

/** Redis gave no answer, and nobody is to wait for one. */
export const UNAVAILABLE = Symbol('bulwark.cacheUnavailable');
export type Unavailable = typeof UNAVAILABLE;

const SCANNED_AT_ONCE = 500;

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/**
 * Redis as a cache may use it: no call fails, none waits longer than the time limit, and a Redis that fails is left
 * alone until it answers a probe. Each command has one key, so that a cluster takes them all.
 */
export class RedisTier {
  onFailure: () => void = () => undefined;
  onChange: (isDown: boolean, reason: string) => void = () => undefined;
  private readonly breaker: CircuitBreaker;

  constructor(
    readonly redis: CacheRedis,
    private readonly options: RedisTierOptions,
  ) {
    const { failures, probeIntervalMs, timeoutMs, keyPrefix } = options;
    this.breaker = new CircuitBreaker({
      failures,
      probeIntervalMs,
      // A replica that only reads, or a full server, would answer a PING.
      probe: async () => void (await withTimeLimit(redis.set(`${keyPrefix}probe`, '1', 'PX', 60_000), timeoutMs)),
      onChange: (isOpen, reason) => this.onChange(isOpen, reason),
    });
  }

  get isDown(): boolean {
    return this.breaker.isOpen;
  }

  get(key: string): Promise<string | null | Unavailable> {
    return this.attempt(() => this.redis.get(this.options.keyPrefix + key));
  }

  set(key: string, value: string, ttlMs: number): Promise<unknown> {
    return this.attempt(() => this.redis.set(this.options.keyPrefix + key, value, 'PX', Math.ceil(ttlMs)));
  }

  delete(key: string): Promise<number | Unavailable> {
    return this.attempt(() => this.redis.del(this.options.keyPrefix + key));
  }

  /** Sets the key where there is none. @returns whether it did */
  async setIfMissing(key: string, value: string, ttlMs: number): Promise<boolean | Unavailable> {
    const name = this.options.keyPrefix + key;
    const answer = await this.attempt(() => this.redis.set(name, value, 'PX', Math.ceil(ttlMs), 'NX'));
    return answer === UNAVAILABLE ? UNAVAILABLE : answer === 'OK';
  }

  /** Deletes the key where it holds this value. */
  deleteIfEqual(key: string, value: string): Promise<unknown> {
    return this.attempt(() => this.redis.eval(RELEASE, 1, this.options.keyPrefix + key, value));
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.attempt(() => this.redis.publish(this.options.keyPrefix + channel, message));
  }

  /**
   * Removes keys that begin so, little by little. Where Redis fails meanwhile, the rest goes when its time is over.
   *
   * @param start of the key, behind the prefix of the application; keys of others are not touched
   * @param isOld tells by the key without that prefix whether it goes
   * @returns whether all are gone
   */
  async removeAll(start: string, isOld: (key: string) => boolean = () => true): Promise<boolean> {
    const { keyPrefix } = this.options;
    const pattern = `${`${keyPrefix}${start}`.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}*`;
    try {
      for (const server of this.redis.nodes?.('master') ?? [this.redis]) {
        let cursor = '0';
        do {
          const [next, keys] = await server.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED_AT_ONCE);
          await Promise.all(keys.filter((key) => isOld(key.slice(keyPrefix.length))).map((key) => server.unlink(key)));
          cursor = next;
        } while (cursor !== '0');
      }
      return true;
    } catch {
      this.onFailure();
      return false;
    }
  }

  stop(): void {
    this.breaker.stop();
  }

  private async attempt<T>(command: () => Promise<T>): Promise<T | Unavailable> {
    if (this.breaker.isOpen) return UNAVAILABLE;
    try {
      const answer = await withTimeLimit(command(), this.options.timeoutMs);
      this.breaker.succeeded();
      return answer;
    } catch (error) {
      this.onFailure();
      this.breaker.failed(error instanceof Error ? error.message : String(error));
      return UNAVAILABLE;
    }
  }
}
