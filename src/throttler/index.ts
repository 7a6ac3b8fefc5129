export { FailureThrottle, ThrottleTier, type FailureSubject } from '../ports/index.js';
export { AddressThrottlerGuard, UserThrottlerGuard } from './chained.guards.js';
export { LoginThrottle } from './login-throttle.js';
export type { ThrottleAlgorithm, ThrottleFallback, TrackerKind } from './policy.js';
export type { ThrottleRedis } from './redis.store.js';
export { DEFAULT_EXCLUDED_PATHS, DEFAULT_TIERS as SHIPPED_TIERS } from './default-tiers.js';
export * from './nestjs-throttler-compat.js';
export {
  getOptionsToken,
  getStorageToken,
  InjectThrottlerOptions,
  InjectThrottlerStorage,
  SkipThrottle,
  Throttle,
} from './throttler.decorators.js';
export { ThrottlerException, throttlerMessage } from './throttler.exception.js';
export * from './throttler.guard.js';
export * from './throttler.module.js';
export * from './throttler.options.js';
export { ThrottlerService, type BlockedClient } from './throttler.service.js';
export * from './time-units.js';
