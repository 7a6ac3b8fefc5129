import { Inject } from '@nestjs/common';

/** Token of the shared Redis client. @internal */
export const REDIS = Symbol('bulwark.redis');

/**
 * Injects the shared client of RedisModule, or undefined where no Redis is configured. It stands in `common` so that a
 * module can use Redis where there is one, and be imported where its client is not even installed.
 *
 * @publicApi
 */
export function InjectRedis(): PropertyDecorator & ParameterDecorator {
  return Inject(REDIS);
}
