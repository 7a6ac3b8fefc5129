import { CircuitBreaker } from '../redis/circuit-breaker.js';

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

export interface RedisTierOptions {
  keyPrefix: string;
  /** Longest wait for one answer, in milliseconds. */
  timeoutMs: number;
  /** Failures in a row after which Redis is not used. */
  failures: number;
  /** Pause before each probe of Redis while it is not used, in milliseconds. */
  probeIntervalMs: number;
}

/** Redis did not answer in time, or was not asked because it has failed before. */
export const UNAVAILABLE = Symbol('bulwark.cacheUnavailable');
export type Unavailable = typeof UNAVAILABLE;

const SCAN_COUNT = 500;

const DELETE_IF_EQUAL = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/**
 * Redis behind a circuit breaker: no command throws or waits longer than the time limit, and after repeated failures no
 * command is sent until a probe succeeds. Each command has one key, so that it also works on a cluster.
 */
export class RedisTier {
  onFailure: () => void = () => undefined;
  onChange: (isDown: boolean, reason: string) => void = () => undefined;
  private readonly breaker: CircuitBreaker;

  constructor(
    readonly client: CacheRedis,
    private readonly options: RedisTierOptions,
  ) {
    const { keyPrefix, timeoutMs, failures, probeIntervalMs } = options;
    this.breaker = new CircuitBreaker({
      timeoutMs,
      failures,
      probeIntervalMs,
      // A write, because a read-only replica or a full server would still answer a PING.
      probe: () => client.set(`${keyPrefix}probe`, '1', 'PX', 60_000),
      onFailure: () => this.onFailure(),
      onChange: (isOpen, reason) => this.onChange(isOpen, reason),
    });
  }

  get isDown(): boolean {
    return this.breaker.isOpen;
  }

  get(key: string): Promise<string | null | Unavailable> {
    return this.attempt(() => this.client.get(this.options.keyPrefix + key));
  }

  set(key: string, value: string, ttlMs: number): Promise<unknown> {
    return this.attempt(() => this.client.set(this.options.keyPrefix + key, value, 'PX', Math.ceil(ttlMs)));
  }

  delete(key: string): Promise<number | Unavailable> {
    return this.attempt(() => this.client.del(this.options.keyPrefix + key));
  }

  /** Sets the key if it does not exist. @returns whether it was set */
  async setIfMissing(key: string, value: string, ttlMs: number): Promise<boolean | Unavailable> {
    const name = this.options.keyPrefix + key;
    const answer = await this.attempt(() => this.client.set(name, value, 'PX', Math.ceil(ttlMs), 'NX'));
    return answer === UNAVAILABLE ? UNAVAILABLE : answer === 'OK';
  }

  /** Deletes the key if it has this value. */
  deleteIfEqual(key: string, value: string): Promise<unknown> {
    return this.attempt(() => this.client.eval(DELETE_IF_EQUAL, 1, this.options.keyPrefix + key, value));
  }

  /**
   * Deletes the keys with a prefix, in small steps. If Redis fails meanwhile, the remaining keys stay until they expire.
   *
   * @param prefix of the keys, behind the prefix of the application. Keys of other applications are not deleted.
   * @param isOld decides by the key, without the prefix of the application, whether it is deleted
   * @returns whether all were deleted
   */
  async deleteAll(prefix: string, isOld: (key: string) => boolean = () => true): Promise<boolean> {
    const { keyPrefix } = this.options;
    const pattern = `${`${keyPrefix}${prefix}`.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}*`;
    try {
      for (const server of this.client.nodes?.('master') ?? [this.client]) {
        let cursor = '0';
        do {
          const [next, keys] = await server.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
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
    try {
      return await this.breaker.run(command);
    } catch {
      return UNAVAILABLE;
    }
  }
}
