import { applyDecorators, SetMetadata, type CustomDecorator, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';

export const PUBLIC_ROUTE = Symbol('bulwark.public');
export const OPERATIONAL_ROUTE = Symbol('bulwark.operational');

/**
 * Opens a route or controller to callers without an access token. All other routes need a token.
 *
 * @publicApi
 */
export function Public(): CustomDecorator<symbol> {
  return SetMetadata(PUBLIC_ROUTE, true);
}

/**
 * Marks a route that platforms call, such as probes and metrics. The route is public and never throttled. It writes no
 * access log line and no audit event.
 *
 * @publicApi
 */
export function Operational(): MethodDecorator & ClassDecorator {
  return applyDecorators(Public(), SetMetadata(OPERATIONAL_ROUTE, true));
}

/** Reads a flag of a route. The flag of the handler overrides the flag of the controller. */
export function hasRouteFlag(reflector: Reflector, flag: symbol, handler: object, controller: Type): boolean {
  return reflector.getAllAndOverride<boolean | undefined>(flag, [handler as () => unknown, controller]) === true;
}

/** Requires an access token for one route of a `@Public()` controller. @publicApi */
export function Authenticated(): CustomDecorator<symbol> {
  return SetMetadata(PUBLIC_ROUTE, false);
}

export const MANAGEMENT_ROUTE = Symbol('bulwark.management');
export const ALSO_ON_MAIN_PORT = Symbol('bulwark.mainPortToo');

/**
 * Marks a route or controller for operators. With a management port, it is served only on that port. Without one, it is
 * an ordinary route that needs an access token.
 *
 * @publicApi
 */
export function Management(): CustomDecorator<symbol> {
  return SetMetadata(MANAGEMENT_ROUTE, true);
}

/**
 * Serves an operational route on the main port too. A probe of the management port cannot show whether the main port
 * responds.
 */
export function AlsoOnMainPort(): CustomDecorator<symbol> {
  return SetMetadata(ALSO_ON_MAIN_PORT, true);
}
