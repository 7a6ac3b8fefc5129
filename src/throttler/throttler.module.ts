import { Global, Module, type DynamicModule } from '@nestjs/common';
import {
  getOptionsToken,
  ThrottlerStorage,
  type ThrottlerModuleOptions as StockThrottlerModuleOptions,
} from '@nestjs/throttler';
import { GuardChainModule, overridableGuards } from '../guards/index.js';
import { FailureThrottle } from '../ports/index.js';
import { ImportedOnce } from '../context/index.js';
import { AddressThrottlerGuard, UserThrottlerGuard } from './chained.guards.js';
import { LoginThrottle } from './login-throttle.js';
import { settingsOf } from './settings.js';
import { StockStorageFacade } from './stock-storage.js';
import { ThrottlerController } from './throttler.controller.js';
import { ThrottlerGuard } from './throttler.guard.js';
import { ThrottlerHealth } from './throttler.health.js';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
} from './throttler.module-definition.js';
import type { ThrottlerModuleOptions } from './throttler.options.js';
import { ThrottlerService } from './throttler.service.js';
import { ThrottlerStore } from './throttler.store.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';

/**
 * Limits every route by client address and by user. Routes ask for further tiers by `@ThrottleTier()`.
 *
 * It takes the place of the module of @nestjs/throttler: with the options of that module it limits where a guard is put,
 * and it provides the options and the storage under the tokens of @nestjs/throttler.
 *
 * @publicApi
 */
@ImportedOnce()
@Global()
@Module({
  imports: [GuardChainModule],
  providers: [
    { provide: THROTTLER_SETTINGS, inject: [MODULE_OPTIONS_TOKEN], useFactory: settingsOf },
    { provide: getOptionsToken(), inject: [MODULE_OPTIONS_TOKEN], useFactory: toStockOptions },
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
    ThrottlerGuard,
    AddressThrottlerGuard,
    UserThrottlerGuard,
    overridableGuards(AddressThrottlerGuard, UserThrottlerGuard),
  ],
  exports: [getOptionsToken(), THROTTLER_SETTINGS, ThrottlerStorage, ThrottlerService, FailureThrottle],
})
export class ThrottlerModule extends ConfigurableModuleClass {
  static override forRoot(options: ThrottlerModuleOptions = {}): DynamicModule {
    // Called here as well as in the provider, so that the stack trace of an invalid option shows the call of forRoot().
    settingsOf(options);
    return withAdminRoutes(super.forRoot(options), !Array.isArray(options) && options.adminRoutes);
  }

  /** `adminRoutes` is given beside the factory, because Nest needs to know the routes before it has the options. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE & { adminRoutes?: boolean }): DynamicModule {
    return withAdminRoutes(super.forRootAsync(options), options.adminRoutes);
  }
}

/** The options as a guard written for @nestjs/throttler expects them. A copy, because the stock guard sorts the list. */
function toStockOptions(options: ThrottlerModuleOptions): StockThrottlerModuleOptions {
  return Array.isArray(options) ? [...options] : { ...options, throttlers: [...(options.throttlers ?? [])] };
}

function withAdminRoutes(module: DynamicModule, adminRoutes: boolean | undefined): DynamicModule {
  return adminRoutes ? { ...module, controllers: [ThrottlerController] } : module;
}
