export * from './cache.module.js';
export * from './cache.options.js';
export * from './cache.request.js';
export * from './cache.service.js';
export * from './cached.decorator.js';
export { type CachedOptions } from './cached.options.js';
export { type CacheOutcome } from './cache.metrics.js';
export { type CacheScope } from './partition.js';
export { type CacheRedis } from './redis.tier.js';
