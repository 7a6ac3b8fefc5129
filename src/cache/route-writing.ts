import type { HttpServer, Type } from '@nestjs/common';
import { INTERCEPTORS_METADATA, REDIRECT_METADATA, RENDER_METADATA } from '@nestjs/common/constants.js';
import type { ApplicationConfig } from '@nestjs/core';

/** Metadata key of `@RouteSchema()` of @nestjs/platform-fastify, which may not be installed. */
const FASTIFY_SCHEMA = '__fastify_route_schema__';
const EXPRESS_JSON_SETTINGS = ['json replacer', 'json spaces', 'json escape'];

interface ExpressInstance {
  get(setting: string): unknown;
}

/**
 * Whether the value that the cache of a route returns is sent as the result of `JSON.stringify()`: no interceptor runs
 * around the cache, no view is rendered, and the application has no serializer of its own. The cached text may then be
 * sent without parsing it.
 */
export function isSentAsPlainJson(
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
    usesPlainJson(adapter)
  );
}

function usesPlainJson(adapter: HttpServer): boolean {
  const instance = adapter.getInstance() as object;
  if (adapter.getType() === 'express') {
    return EXPRESS_JSON_SETTINGS.every((setting) => !(instance as ExpressInstance).get(setting));
  }
  // Fastify has no public API for this. If a version does not have these properties, the value is parsed.
  const hooks = internal(instance, 'fastify.hooks') as { preSerialization?: unknown[] } | undefined;
  return hooks?.preSerialization?.length === 0 && internal(instance, 'fastify.replySerializerDefault') === null;
}

/** The value of a symbol property of the instance or of its prototypes. */
function internal(instance: object, description: string): unknown {
  for (let owner: object | null = instance; owner; owner = Object.getPrototypeOf(owner) as object | null) {
    const symbol = Object.getOwnPropertySymbols(owner).find((each) => each.description === description);
    if (symbol) return (owner as Record<symbol, unknown>)[symbol];
  }
  return undefined;
}
