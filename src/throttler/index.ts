export { SkipThrottle, Throttle } from '@nestjs/throttler';
export { ThrottleTier } from '../common/index.js';
export * from './throttler.module.js';
export * from './throttler.options.js';
export * from './tiered-throttler.guard.js';
