import { applyDecorators, SetMetadata, type CustomDecorator, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';

export const PUBLIC_ROUTE = Symbol('bulwark.public');
export const OPERATIONAL_ROUTE = Symbol('bulwark.operational');

/**
 * Opens a route or controller to callers without an access token. Everything else is closed.
 *
 * @publicApi
 */
export function Public(): CustomDecorator<symbol> {
  return SetMetadata(PUBLIC_ROUTE, true);
}

/**
 * Marks a route that platforms call, not clients: probes and metrics. It is public, never throttled, and leaves no
 * access log line and no audit event.
 *
 * @publicApi
 */
export function Operational(): MethodDecorator & ClassDecorator {
  return applyDecorators(Public(), SetMetadata(OPERATIONAL_ROUTE, true));
}

/** Reads a flag from a route: the handler's own, else its controller's. */
export function routeFlag(reflector: Reflector, flag: symbol, handler: object, controller: Type): boolean {
  return reflector.getAllAndOverride<boolean | undefined>(flag, [handler as () => unknown, controller]) === true;
}

/** Closes a single route of a controller that is otherwise `@Public()`. @publicApi */
export function Authenticated(): CustomDecorator<symbol> {
  return SetMetadata(PUBLIC_ROUTE, false);
}

export const MANAGEMENT_ROUTE = Symbol('bulwark.management');
export const MAIN_PORT_TOO = Symbol('bulwark.mainPortToo');

/**
 * Marks a route or controller for operators. With a management port it is served there and not on the main one;
 * without, it is a route like any other, and as closed.
 *
 * @publicApi
 */
export function Management(): CustomDecorator<symbol> {
  return SetMetadata(MANAGEMENT_ROUTE, true);
}

/** Keeps an operational route on the main port as well: a probe of another port cannot tell whether this one answers. */
export function OnMainPortToo(): CustomDecorator<symbol> {
  return SetMetadata(MAIN_PORT_TOO, true);
}
