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

export const REDIS_OPTIONS = Symbol('bulwark.redisOptions');

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<RedisModuleOptions>({
  optionsInjectionToken: REDIS_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Injects the shared client, or undefined if no Redis is configured.
 *
 * @publicApi
 */
export function InjectRedis(): ParameterDecorator {
  return Inject(REDIS);
}

/** The application works without Redis, with limits and caches per process. So an outage of Redis only degrades it. */
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
      inject: [REDIS_OPTIONS],
      useFactory: async ({ url, ...options }: RedisModuleOptions) => {
        if (url === undefined) return undefined;
        const client = createRedisClient({ ...options, url });
        // Otherwise the client could be still unconnected at the first requests.
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
    // QUIT lets Redis answer the commands in flight. If Redis does not answer, the socket is closed.
    await this.redis.quit().catch(() => this.redis?.disconnect());
  }
}
