import { applyDecorators, SetMetadata } from '@nestjs/common';

/**
 * A limit of the tier `default` for one route, as `@Throttle()` of @nestjs/throttler declares it. The package need not be
 * installed: without ThrottlerModule, the decorator has no effect.
 */
export function OwnLimit(limit: number, ttlMs: number): MethodDecorator {
  return applyDecorators(SetMetadata('THROTTLER:LIMITdefault', limit), SetMetadata('THROTTLER:TTLdefault', ttlMs));
}
