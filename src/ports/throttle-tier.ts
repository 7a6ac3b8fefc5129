import { SetMetadata, type CustomDecorator } from '@nestjs/common';

export const ROUTE_THROTTLE_TIERS = Symbol('bulwark.throttleTiers');

/**
 * Applies the limits of these tiers to a route or controller, in addition to the default tier. The decorator only sets
 * metadata, so a module can use it without depending on ThrottlerModule.
 *
 * @publicApi
 */
export function ThrottleTier(...tiers: [string, ...string[]]): CustomDecorator<symbol> {
  return SetMetadata(ROUTE_THROTTLE_TIERS, tiers);
}
