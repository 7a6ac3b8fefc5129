export {
  days,
  getOptionsToken,
  getStorageToken,
  hours,
  InjectThrottlerOptions,
  InjectThrottlerStorage,
  minutes,
  type Resolvable,
  seconds,
  SkipThrottle,
  Throttle,
  ThrottlerException,
  type ThrottlerGenerateKeyFunction,
  type ThrottlerGetTrackerFunction,
  type ThrottlerLimitDetail,
  throttlerMessage,
  type ThrottlerOptions,
  type ThrottlerRequest,
  ThrottlerStorage,
  weeks,
} from '@nestjs/throttler';
export { FailureThrottle, ThrottleTier, type FailureSubject } from '../ports/index.js';
export { AddressThrottlerGuard, UserThrottlerGuard } from './chained.guards.js';
export { DEFAULT_EXCLUDED_PATHS, DEFAULT_TIERS } from './default-tiers.js';
export { LoginThrottle } from './login-throttle.js';
export type { ThrottleAlgorithm, ThrottleFallback, TrackerKind } from './policy.js';
export type { ThrottleRedis } from './redis.store.js';
export type { ThrottlerStorageRecord } from './stock-storage.js';
export { RateLimitException, type RateLimitDetails } from './throttler.exception.js';
export { ThrottlerGuard } from './throttler.guard.js';
export { ThrottlerModule } from './throttler.module.js';
export type {
  FailedLoginOptions,
  ThrottlerModuleOptions,
  ThrottlerObjectOptions,
  ThrottlerOptionsFactory,
  ThrottlerRedisOptions,
  ThrottleRouteRule,
  ThrottleTierOptions,
  ThrottleTracker,
} from './throttler.options.js';
export type { ThrottlerRefusal } from './throttler.refusal.js';
export { ThrottlerService, type BlockedClient } from './throttler.service.js';
