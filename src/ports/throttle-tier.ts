import { SetMetadata, type CustomDecorator } from '@nestjs/common';

export const THROTTLE_TIERS_OF_ROUTE = Symbol('bulwark.throttleTiers');

/**
 * Holds a route or controller to the limits of these tiers, beside the default one. It is only a mark, which is why it
 * stands in `common`: a module can ask for limits without depending on ThrottlerModule.
 *
 * @publicApi
 */
export function ThrottleTier(...tiers: [string, ...string[]]): CustomDecorator<symbol> {
  return SetMetadata(THROTTLE_TIERS_OF_ROUTE, tiers);
}
