import type { AdapterRequest } from '../context/index.js';
import type { IdempotencyStore } from './idempotency.store.js';
import type { MemoryIdempotencyOptions } from './memory.idempotency-store.js';

/** @publicApi */
export interface IdempotencyModuleOptions {
  /** @default Redis where RedisModule has one, else the memory of this process */
  store?: IdempotencyStore;
  /** Bounds of the memory of this process, where it is the store. @default 100,000 keys, 64 MiB, a quarter for each caller */
  memory?: MemoryIdempotencyOptions;
  /** How long an answer is kept, in milliseconds. @default 86_400_000: a day */
  ttlMs?: number;
  /** How long a request that comes while the same one runs waits for its answer, in milliseconds. @default 2000 */
  waitMs?: number;
  /** How long an attempt is held for alive after its last sign, in milliseconds. @default 30_000 */
  leaseMs?: number;
  /** How long an attempt may run and give signs, in milliseconds. @default 600_000 */
  maxRunMs?: number;
  /** Longest wait for the store, in milliseconds. @default 5000 */
  storeTimeoutMs?: number;
  /**
   * What a request gets whose first attempt ended with its process: `execute` does it again; `refuse` answers 409, for
   * what must rather be looked into than done twice.
   * @default 'execute'
   */
  afterCrash?: 'execute' | 'refuse';
  /** Longest body that is kept, in bytes; the answer of a request with a longer one cannot be repeated. @default 1_048_576 */
  maxBodyBytes?: number;
  /** Further response headers that are kept. @default none */
  headers?: readonly string[];
  /**
   * Names the caller; keys of different callers never meet. @default user and tenant, else the client address. A key that
   * comes from the same address with other credentials, which no guard has checked, is then refused.
   */
  callerOf?: (request: AdapterRequest) => string;
  /** Pause between two deletions of expired keys, in milliseconds. @default 600_000 */
  pruneIntervalMs?: number;
}

/** @publicApi */
export interface IdempotentOptions {
  /** How long the answer is kept, in milliseconds. @default `ttlMs` of the module */
  ttlMs?: number;
  /** Whether a request without a key is refused. @default false */
  required?: boolean;
  /** @default `afterCrash` of the module */
  afterCrash?: 'execute' | 'refuse';
}

export const IDEMPOTENCY_OPTIONS = Symbol('bulwark.idempotencyOptions');
