import { Inject } from '@nestjs/common';
import { ThrottlerStorage, type ThrottlerRouteOptions } from './nestjs-throttler-compat.js';
import { THROTTLER_OPTIONS } from './throttler.module-definition.js';

/** The metadata keys of @nestjs/throttler, so that decorators imported from there go on working. @internal */
export const METADATA = {
  limit: 'THROTTLER:LIMIT',
  ttl: 'THROTTLER:TTL',
  blockDuration: 'THROTTLER:BLOCK_DURATION',
  getTracker: 'THROTTLER:TRACKER',
  generateKey: 'THROTTLER:KEY_GENERATOR',
  skip: 'THROTTLER:SKIP',
} as const;

/** Set where `@SkipThrottle()` names no tier. @internal */
export const SKIP_ALL = Symbol('bulwark.throttler.skipAll');

/**
 * Gives a route or controller limits of its own, by tier: `@Throttle({ default: { limit: 10, ttl: 60_000 } })`. A tier
 * that holds only routes which ask for it holds this one.
 *
 * @publicApi
 */
export function Throttle(options: Record<string, ThrottlerRouteOptions>): MethodDecorator & ClassDecorator {
  return decorate((target) => {
    for (const [name, route] of Object.entries(options)) {
      for (const key of ['limit', 'ttl', 'blockDuration', 'getTracker', 'generateKey'] as const) {
        Reflect.defineMetadata(METADATA[key] + name, route[key], target);
      }
    }
  });
}

/**
 * Takes a route or controller out of all tiers, or of the named ones: `@SkipThrottle({ burst: true })`. On a route of a
 * controller that is taken out, `@SkipThrottle({ default: false })` puts it back.
 *
 * @publicApi
 */
export function SkipThrottle(skip?: Record<string, boolean>): MethodDecorator & ClassDecorator {
  return decorate((target) => {
    for (const [name, isSkipped] of Object.entries(skip ?? { default: true })) {
      Reflect.defineMetadata(METADATA.skip + name, isSkipped, target);
    }
    const putsBack = skip !== undefined && Object.values(skip).includes(false);
    if (skip === undefined || putsBack) Reflect.defineMetadata(SKIP_ALL, !putsBack, target);
  });
}

/** Injects the options that the module was given. @publicApi */
export function InjectThrottlerOptions(): PropertyDecorator & ParameterDecorator {
  return Inject(THROTTLER_OPTIONS);
}

/** Injects the counters, in the shape of @nestjs/throttler's storage. @publicApi */
export function InjectThrottlerStorage(): PropertyDecorator & ParameterDecorator {
  return Inject(ThrottlerStorage);
}

/** @publicApi */
export function getOptionsToken(): string | symbol {
  return THROTTLER_OPTIONS;
}

/** @publicApi */
export function getStorageToken(): symbol {
  return ThrottlerStorage;
}

function decorate(mark: (target: object) => void): MethodDecorator & ClassDecorator {
  return (target: object, _property?: string | symbol, descriptor?: PropertyDescriptor) => {
    mark((descriptor?.value as object | undefined) ?? target);
  };
}
