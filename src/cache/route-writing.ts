import type { HttpServer, Type } from '@nestjs/common';
import { INTERCEPTORS_METADATA, REDIRECT_METADATA, RENDER_METADATA } from '@nestjs/common/constants.js';
import type { ApplicationConfig } from '@nestjs/core';

/** Where @nestjs/platform-fastify keeps `@RouteSchema()`; it need not be installed. */
const FASTIFY_SCHEMA = '__fastify_route_schema__';
const EXPRESS_JSON_SETTINGS = ['json replacer', 'json spaces', 'json escape'];

interface ExpressInstance {
  get(setting: string): unknown;
}

/**
 * Whether a value that a route's cache gives out goes through nobody's hands and ends as the JSON that
 * `JSON.stringify()` makes of it: no interceptor around the cache, no page made of it, no serialiser of the application's
 * own. The text that is in the cache may then be sent as it is.
 */
export function isWrittenPlainly(
  cache: Type,
  route: { readonly handler: object; readonly controller: object },
  config: ApplicationConfig,
  adapter: HttpServer,
): boolean {
  const interceptors = (target: object) => (Reflect.getMetadata(INTERCEPTORS_METADATA, target) ?? []) as unknown[];
  return (
    interceptors(route.handler)[0] === cache &&
    interceptors(route.controller).length === 0 &&
    config.getGlobalInterceptors().length === 0 &&
    config.getGlobalRequestInterceptors().length === 0 &&
    ![RENDER_METADATA, REDIRECT_METADATA, FASTIFY_SCHEMA].some((key) => Reflect.hasMetadata(key, route.handler)) &&
    hasPlainWriter(adapter)
  );
}

function hasPlainWriter(adapter: HttpServer): boolean {
  const instance = adapter.getInstance() as object;
  if (adapter.getType() === 'express') {
    return EXPRESS_JSON_SETTINGS.every((setting) => !(instance as ExpressInstance).get(setting));
  }
  // Fastify has no public way to ask. Where it does not know these any more, the value goes the long way.
  const hooks = internal(instance, 'fastify.hooks') as { preSerialization?: unknown[] } | undefined;
  return hooks?.preSerialization?.length === 0 && internal(instance, 'fastify.replySerializerDefault') === null;
}

/** What stands under a symbol, on the instance or on the one that it was derived from. */
function internal(instance: object, description: string): unknown {
  for (let owner: object | null = instance; owner; owner = Object.getPrototypeOf(owner) as object | null) {
    const symbol = Object.getOwnPropertySymbols(owner).find((each) => each.description === description);
    if (symbol) return (owner as Record<symbol, unknown>)[symbol];
  }
  return undefined;
}
