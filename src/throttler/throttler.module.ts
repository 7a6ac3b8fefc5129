import { Global, Module, type DynamicModule } from '@nestjs/common';
import { FailureThrottle } from '../ports/index.js';
import { GuardChainModule } from '../guards/index.js';
import { AddressThrottlerGuard, UserThrottlerGuard } from './chained.guards.js';
import { LoginThrottle } from './login-throttle.js';
import { settingsOf } from './settings.js';
import { StockStorageFacade } from './stock-storage.js';
import { ThrottlerStorage } from './nestjs-throttler-compat.js';
import { ThrottlerController } from './throttler.controller.js';
import { ThrottlerHealth } from './throttler.health.js';
import { type ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, THROTTLER_OPTIONS } from './throttler.module-definition.js';
import type { ThrottlerModuleOptions } from './throttler.options.js';
import { ThrottlerService } from './throttler.service.js';
import { ThrottlerStore } from './throttler.store.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';

/**
 * Limits every route by client address and by user; routes ask for tighter tiers by `@ThrottleTier()`.
 *
 * With the options of @nestjs/throttler it does what that module does, and limits where its guard is put.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [GuardChainModule],
  providers: [
    { provide: THROTTLER_SETTINGS, inject: [THROTTLER_OPTIONS], useFactory: settingsOf },
    ThrottlerStore,
    ThrottlerService,
    {
      provide: ThrottlerStorage,
      inject: [ThrottlerStore, ThrottlerService],
      useFactory: (store: ThrottlerStore, service: ThrottlerService) =>
        new StockStorageFacade(store, (name) => service.tierIndex(name)),
    },
    { provide: FailureThrottle, useClass: LoginThrottle },
    ThrottlerHealth,
    AddressThrottlerGuard,
    UserThrottlerGuard,
  ],
  exports: [THROTTLER_OPTIONS, THROTTLER_SETTINGS, ThrottlerStorage, ThrottlerService, FailureThrottle],
})
export class ThrottlerModule extends ConfigurableModuleClass {
  static override forRoot(options: ThrottlerModuleOptions = {}): DynamicModule {
    // Here rather than in a provider, so that a wrong option is reported where it stands.
    settingsOf(options);
    return withRoutes(super.forRoot(options), !Array.isArray(options) && options.adminRoutes);
  }

  /** `adminRoutes` stands beside the factory, because routes are known before options are. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE & { adminRoutes?: boolean }): DynamicModule {
    return withRoutes(super.forRootAsync(options), options.adminRoutes);
  }
}

function withRoutes(module: DynamicModule, adminRoutes: boolean | undefined): DynamicModule {
  return adminRoutes ? { ...module, controllers: [ThrottlerController] } : module;
}
