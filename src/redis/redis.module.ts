import {
  ConfigurableModuleBuilder,
  Global,
  Inject,
  Injectable,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { HealthCheckOf, REDIS, type HealthContributor } from '../ports/index.js';
import { createRedisClient, firstAttempt, type RedisClient, type RedisModuleOptions } from './redis-client.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<RedisModuleOptions>()
  .setClassMethodName('forRoot')
  .build();

/**
 * Injects the shared client, or undefined where no Redis is configured.
 *
 * @publicApi
 */
export function InjectRedis(): ParameterDecorator {
  return Inject(REDIS);
}

/** Redis makes limits and caches shared; without it the application works on, so its loss only degrades. */
@Injectable()
@HealthCheckOf({ key: 'redis', critical: false })
export class RedisHealth implements HealthContributor {
  constructor(@InjectRedis() private readonly redis: RedisClient | undefined) {}

  isActive(): boolean {
    return this.redis !== undefined;
  }

  async check(): Promise<void> {
    await this.redis?.ping();
  }
}

/**
 * One Redis client for all modules.
 *
 * @publicApi
 */
@Global()
@Module({
  providers: [
    {
      provide: REDIS,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: async ({ url, ...options }: RedisModuleOptions) => {
        if (url === undefined) return undefined;
        const client = createRedisClient({ ...options, url });
        // Else the first requests would find a Redis that only is not connected yet.
        await firstAttempt(client);
        return client;
      },
    },
    RedisHealth,
  ],
  exports: [REDIS],
})
export class RedisModule extends ConfigurableModuleClass implements OnApplicationShutdown {
  constructor(@InjectRedis() private readonly redis: RedisClient | undefined) {
    super();
  }

  async onApplicationShutdown(): Promise<void> {
    if (!this.redis) return;
    // An orderly goodbye where Redis answers; else the socket is simply dropped.
    await this.redis.quit().catch(() => this.redis?.disconnect());
  }
}
