import { UseGuards, type CanActivate, type Type } from '@nestjs/common';

/**
 * A provider that lets `overrideGuard()` of @nestjs/testing replace guards of the chain. Nest replaces only the guards that
 * it finds in `@UseGuards()`, so this class names them. {@link GuardChain} runs the replacement.
 *
 * Nest creates a second instance of each guard for it. So a guard of the chain holds no state and registers nothing.
 */
export function overridableGuards(...guards: [Type<CanActivate>, ...Type<CanActivate>[]]): Type {
  @UseGuards(...guards)
  class OverridableGuards {}
  return OverridableGuards;
}
