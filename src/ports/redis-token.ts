/**
 * Token of RedisModule's client. It stands in `common` so that a module can use Redis where there is one, and yet be
 * imported where no client for it is installed.
 *
 * @internal
 */
export const REDIS = Symbol('bulwark.redis');
