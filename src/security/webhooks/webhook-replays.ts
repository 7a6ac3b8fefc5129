import { Logger } from '@nestjs/common';

/** The commands that are used here. Clients of ioredis have them, for one server and for a cluster. */
export interface ReplayRedis {
  set(key: string, value: string, unit: 'PX', ttlMs: number, condition: 'NX'): Promise<string | null>;
  del(key: string): Promise<number>;
}

/** Only deliveries with a valid signature are stored, so that a stranger cannot fill the memory. */
const MAX_DELIVERIES = 100_000;
const KEY_PREFIX = 'bulwark:webhook:';

/**
 * The deliveries that were accepted, until their time stamps expire. In Redis, all replicas share them. Without Redis, and
 * while it does not answer, each process has its own. So then a delivery can be replayed once to each other replica.
 */
export class WebhookReplays {
  private readonly logger = new Logger('Webhooks');
  private readonly expiryById = new Map<string, number>();
  private isRedisDown = false;

  constructor(private readonly redis?: ReplayRedis) {}

  /** @returns false if the delivery was accepted before */
  async claim(id: string, ttlMs: number): Promise<boolean> {
    const isNew = this.claimInMemory(id, ttlMs);
    if (!isNew || !this.redis) return isNew;
    try {
      const reply = await this.redis.set(KEY_PREFIX + id, '1', 'PX', ttlMs, 'NX');
      this.isRedisDown = false;
      if (reply !== null) return true;
      // The replica that accepted it may release it.
      this.expiryById.delete(id);
      return false;
    } catch (err) {
      this.warnOfOutage(err);
      return true;
    }
  }

  /** Forgets a delivery, because it was not processed. */
  async release(id: string): Promise<void> {
    this.expiryById.delete(id);
    try {
      await this.redis?.del(KEY_PREFIX + id);
    } catch (err) {
      this.warnOfOutage(err);
    }
  }

  private claimInMemory(id: string, ttlMs: number): boolean {
    const now = Date.now();
    const expiry = this.expiryById.get(id);
    if (expiry !== undefined && expiry > now) return false;
    for (const [oldest, oldestExpiry] of this.expiryById) {
      if (oldestExpiry > now && this.expiryById.size < MAX_DELIVERIES) break;
      this.expiryById.delete(oldest);
    }
    this.expiryById.set(id, now + ttlMs);
    return true;
  }

  private warnOfOutage(err: unknown): void {
    if (this.isRedisDown) return;
    this.isRedisDown = true;
    this.logger.warn({ err, msg: 'Redis does not answer. Replayed webhooks are refused by each process alone' });
  }
}
