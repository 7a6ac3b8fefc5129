import { Inject, Injectable, Logger, Optional, type OnApplicationShutdown } from '@nestjs/common';
import { REDIS } from '../ports/index.js';
import { FallbackStore } from './fallback.store.js';
import { MemoryStore } from './memory.store.js';
import { consumedHits, type Decision, type Hit, type Policy, type ThrottleStore } from './policy.js';
import { RedisStore, type ThrottleRedis } from './redis.store.js';
import type { ThrottlerSettings } from './settings.js';
import { StockStorageStore } from './stock-storage.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';

/** The counters: in Redis or another shared storage where there is one, and in this process. @internal */
@Injectable()
export class ThrottlerStore implements ThrottleStore, OnApplicationShutdown {
  onFailure: (error: unknown) => void = () => undefined;
  private readonly logger = new Logger('Throttler');
  private readonly local: MemoryStore;
  private readonly shared: FallbackStore | undefined;

  constructor(
    @Inject(THROTTLER_SETTINGS) settings: ThrottlerSettings,
    @Optional() @Inject(REDIS) redis?: ThrottleRedis,
  ) {
    this.local = new MemoryStore({ maxKeys: settings.maxKeys });
    const client = settings.redis === false ? undefined : (settings.redis ?? redis);
    const store = settings.storage
      ? new StockStorageStore(settings.storage)
      : client && new RedisStore(client, settings.redisOptions);
    if (!store) return;
    this.shared = new FallbackStore(store, this.local, {
      ...settings.redisOptions,
      replicas: settings.replicas,
      onFailure: (error) => this.onFailure(error),
      onChange: (isFallingBack, reason) => this.report(isFallingBack, reason),
    });
  }

  get isShared(): boolean {
    return this.shared !== undefined;
  }

  get isFallingBack(): boolean {
    return this.shared?.isFallingBack ?? false;
  }

  get memory(): Pick<MemoryStore, 'size' | 'bytes'> {
    return this.local;
  }

  consume(hits: readonly Hit[]): Decision | Promise<Decision> {
    return (this.shared ?? this.local).consume(hits);
  }

  refund(hits: readonly Hit[], decision: Decision): void | Promise<void> {
    const consumed = consumedHits(hits, decision);
    if (consumed.length === 0) return undefined;
    return this.shared ? this.shared.refund(consumed, decision) : this.local.refund(consumed);
  }

  unblock(policy: Policy, key: string): void | Promise<void> {
    return (this.shared ?? this.local).unblock(policy, key);
  }

  onApplicationShutdown(): void {
    this.shared?.stop();
  }

  private report(isFallingBack: boolean, reason: string): void {
    if (isFallingBack) this.logger.warn(`The shared store does not answer (${reason}). Each tier uses its fallback.`);
    else this.logger.log('The shared store answers again.');
  }
}
