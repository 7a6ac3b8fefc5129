import { Module, type DynamicModule } from '@nestjs/common';
import { ThrottlerModule as StockThrottlerModule } from '@nestjs/throttler';
import { GuardChainModule } from '../common/index.js';
import { AddressThrottlerGuard, UserThrottlerGuard } from './tiered-throttler.guard.js';
import type { ThrottlerModuleOptions } from './throttler.options.js';

/**
 * Limits every route by client address and by user; routes ask for tighter tiers by `@ThrottleTier()`.
 *
 * @publicApi
 */
@Module({})
export class ThrottlerModule {
  static forRoot({ tiers }: ThrottlerModuleOptions): DynamicModule {
    const throttlers = Object.entries(tiers).map(([name, { limit, ttlMs }]) => ({ name, limit, ttl: ttlMs }));
    return {
      module: ThrottlerModule,
      imports: [GuardChainModule, StockThrottlerModule.forRoot({ throttlers })],
      providers: [AddressThrottlerGuard, UserThrottlerGuard],
    };
  }
}
