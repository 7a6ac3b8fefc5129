export { type RedisClient, type RedisModuleOptions } from './redis-client.js';
export { InjectRedis, RedisModule } from './redis.module.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { createRedisClient, parseRedisUrl } from './redis-client.js';
/** @internal */
export { REDIS_OPTIONS } from './redis.module.js';
