export { type FailureSubject, FailureThrottle, ThrottleTier } from '../ports/index.js';
export { AddressThrottlerGuard, UserThrottlerGuard } from './chained.guards.js';
export { DEFAULT_EXCLUDED_PATHS, DEFAULT_TIERS } from './default-tiers.js';
export { LoginThrottle } from './login-throttle.js';
export { type ThrottleAlgorithm, type ThrottleFallback, type TrackerKind } from './policy.js';
export { type ThrottleRedis } from './redis.store.js';
export { type ThrottlerStorageRecord } from './stock-storage.js';
export { type RateLimitDetails, RateLimitException } from './throttler.exception.js';
export { ThrottlerGuard } from './throttler.guard.js';
export { ThrottlerModule } from './throttler.module.js';
export {
  type FailedLoginOptions,
  type ThrottleRouteRule,
  type ThrottleTierOptions,
  type ThrottleTracker,
  type ThrottlerModuleOptions,
  type ThrottlerObjectOptions,
  type ThrottlerOptionsFactory,
  type ThrottlerRedisOptions,
} from './throttler.options.js';
export { type ThrottlerRefusal } from './throttler.refusal.js';
export { type BlockedClient, ThrottlerService } from './throttler.service.js';
export {
  InjectThrottlerOptions,
  InjectThrottlerStorage,
  type Resolvable,
  SkipThrottle,
  Throttle,
  ThrottlerException,
  type ThrottlerGenerateKeyFunction,
  type ThrottlerGetTrackerFunction,
  type ThrottlerLimitDetail,
  type ThrottlerOptions,
  type ThrottlerRequest,
  ThrottlerStorage,
  days,
  getOptionsToken,
  getStorageToken,
  hours,
  minutes,
  seconds,
  throttlerMessage,
  weeks,
} from '@nestjs/throttler';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { type ThrottlerSettings } from './settings.js';
/** @internal */
export { THROTTLER_SETTINGS } from './throttler.tokens.js';
