export { type CacheOutcome } from './cache.metrics.js';
export { CacheModule } from './cache.module.js';
export { type CacheModuleOptions, type CacheRedisOptions } from './cache.options.js';
export { type CacheAnswer, type CacheRequest } from './cache.request.js';
export { CacheService } from './cache.service.js';
export { Cached } from './cached.decorator.js';
export { type CachedOptions } from './cached.options.js';
export { type CacheScope } from './partition.js';
export { type CacheRedis, type CacheRedisNode } from './redis.tier.js';
