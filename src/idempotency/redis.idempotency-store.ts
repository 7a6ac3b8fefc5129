import type { IdempotencyClaim, IdempotencyState, IdempotencyStore, StoredResponse } from './idempotency.store.js';

/** The command that the store uses. Clients of ioredis have it, for one server and for a cluster. @publicApi */
export interface IdempotencyRedis {
  eval(script: string, keyCount: number, ...args: (string | number)[]): Promise<unknown>;
}

const NOW = `local time = redis.call('TIME') local now = time[1] * 1000 + math.floor(time[2] / 1000)`;
const OWNED = `redis.call('HGET', KEYS[1], 'owner') == ARGV[1] and redis.call('HEXISTS', KEYS[1], 'answer') == 0`;

/** ARGV: fingerprint, owner, lease, lifetime, whether it may take over. */
const BEGIN = `${NOW}
  local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'answer', 'lease')
  if known[2] then return { 'done', known[1], known[2] } end
  if known[1] then
    if tonumber(known[3]) > now then return { 'running', known[1] } end
    if ARGV[5] == '0' or known[1] ~= ARGV[1] then return { 'abandoned', known[1] } end
  end
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2], 'lease', now + ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return { 'started', known[1] or '' }`;

const COMPLETE = `if not (${OWNED}) then return 0 end
  redis.call('HSET', KEYS[1], 'answer', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1`;

const EXTEND = `${NOW}
  if not (${OWNED}) then return 0 end
  redis.call('HSET', KEYS[1], 'lease', now + ARGV[2])
  return 1`;

const RELEASE = `if ${OWNED} then redis.call('DEL', KEYS[1]) end return 1`;

/**
 * Stores keys in Redis. They are as durable as the Redis server. If the server loses its last writes, or evicts keys when it
 * is full, a request may be executed again.
 *
 * @publicApi
 */
export class RedisIdempotencyStore implements IdempotencyStore {
  constructor(
    private readonly redis: IdempotencyRedis,
    private readonly keyPrefix = 'bulwark:idempotency:',
  ) {}

  async begin(claim: IdempotencyClaim): Promise<IdempotencyState> {
    const { fingerprint, owner, leaseMs, ttlMs, mayTakeOver } = claim;
    const args = [fingerprint, owner, leaseMs, ttlMs, mayTakeOver ? 1 : 0];
    const [state, theirs = '', answer = ''] = (await this.run(BEGIN, claim, args)) as string[];
    if (state === 'done') return { state, fingerprint: theirs, answer: JSON.parse(answer) as StoredResponse };
    if (state === 'running' || state === 'abandoned') return { state, fingerprint: theirs };
    return { state: 'started', isTakeover: theirs !== '' };
  }

  async complete(claim: IdempotencyClaim, answer: StoredResponse): Promise<boolean> {
    return (await this.run(COMPLETE, claim, [claim.owner, JSON.stringify(answer), claim.ttlMs])) === 1;
  }

  async extend(claim: IdempotencyClaim): Promise<boolean> {
    return (await this.run(EXTEND, claim, [claim.owner, claim.leaseMs])) === 1;
  }

  async release(claim: IdempotencyClaim): Promise<void> {
    await this.run(RELEASE, claim, [claim.owner]);
  }

  private run(script: string, { id }: IdempotencyClaim, args: (string | number)[]): Promise<unknown> {
    return this.redis.eval(script, 1, this.keyPrefix + id, ...args);
  }
}
