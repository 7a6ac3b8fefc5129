/**
 * Injection token of RedisModule's client. A module can inject the client by this token without importing RedisModule,
 * so that an application without Redis needs no Redis client package.
 *
 * @internal
 */
export const REDIS = Symbol('bulwark.redis');
