import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { CacheModule as NestCacheModule } from '@nestjs/cache-manager';
import { CacheHealth } from './cache.health.js';
import { CACHE_OPTIONS, CACHE_SETTINGS, cacheSettings, type CacheModuleOptions } from './cache.options.js';
import { CacheService } from './cache.service.js';
import { ResultCache } from '../ports/index.js';
import { ProblemModule } from '../problem/index.js';
import { keyvOf } from './keyv-stores.js';
import { MemoryTier } from './memory.tier.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<CacheModuleOptions>({
  optionsInjectionToken: CACHE_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Caches the results of methods and routes that are marked with `@Cached()`. It also provides `CACHE_MANAGER` of
 * @nestjs/cache-manager, which uses the same Redis and behaves the same way during an outage.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [
    ProblemModule,
    NestCacheModule.registerAsync({
      inject: [CacheService],
      useFactory: (cache: CacheService) => ({
        stores: keyvOf(new MemoryTier({ ...cache.settings }), cache, cache.settings.ttlMs),
      }),
    }),
  ],
  providers: [
    { provide: CACHE_SETTINGS, inject: [CACHE_OPTIONS], useFactory: cacheSettings },
    CacheService,
    { provide: ResultCache, useExisting: CacheService },
    CacheHealth,
  ],
  exports: [CacheService, ResultCache, NestCacheModule],
})
export class CacheModule extends ConfigurableModuleClass {}
