import type { AdapterRequest } from '../context/index.js';
import type { IdempotencyStore } from './idempotency.store.js';
import type { MemoryIdempotencyOptions } from './memory.idempotency-store.js';

/** @publicApi */
export interface IdempotencyModuleOptions {
  /** @default PostgreSQL with `dataSource`, else Redis if RedisModule has a client, else the memory of this process */
  store?: IdempotencyStore;
  /** Limits of the memory store. @default 100,000 keys, 64 MiB, a quarter for each caller */
  memory?: MemoryIdempotencyOptions;
  /** How long a response is stored, in milliseconds. @default 86_400_000 (one day) */
  ttlMs?: number;
  /** How long a repeated request waits for the response of the running request, in milliseconds. @default 2000 */
  waitMs?: number;
  /** How long an attempt counts as running after its last heartbeat, in milliseconds. @default 30_000 */
  leaseMs?: number;
  /** How long an attempt sends heartbeats, in milliseconds. @default 600_000 */
  maxRunMs?: number;
  /** Time limit of a call of the store, in milliseconds. @default 5000 */
  storeTimeoutMs?: number;
  /**
   * What happens to a repeated request if the process of the first attempt crashed: `execute` executes it again; `refuse`
   * returns 409, for requests that must not be executed twice.
   * @default 'execute'
   */
  afterCrash?: 'execute' | 'refuse';
  /** Maximum size of a stored body, in bytes. A response with a larger body cannot be replayed. @default 1_048_576 */
  maxBodyBytes?: number;
  /** Further response headers that are stored. @default none */
  headers?: readonly string[];
  /**
   * Identifies the caller. Each caller has its own keys. @default user and tenant, or the client address without a user.
   * Then a key from the same address with other credentials that no guard has verified is rejected.
   */
  getCaller?: (request: AdapterRequest) => string;
  /** Interval at which expired keys are deleted, in milliseconds. @default 600_000 */
  pruneIntervalMs?: number;
}

/** Options that are given beside the factory of `forRootAsync()`. @publicApi */
export interface IdempotencyModuleExtras {
  /**
   * Name of a TypeORM data source, in which keys are stored. `default` is the data source without a name.
   * @default keys are not stored in PostgreSQL
   */
  dataSource?: string;
}

/** @publicApi */
export interface IdempotentOptions {
  /** How long the response is stored, in milliseconds. @default `ttlMs` of the module */
  ttlMs?: number;
  /** Whether a request without a key is rejected. @default false */
  required?: boolean;
  /** @default `afterCrash` of the module */
  afterCrash?: 'execute' | 'refuse';
}

/** Token of the store in the data source. */
export const IDEMPOTENCY_STORE = Symbol('bulwark.idempotencyStore');

export const IDEMPOTENCY_OPTIONS = Symbol('bulwark.idempotencyOptions');
