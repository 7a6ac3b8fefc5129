import 'reflect-metadata';
import { parseByteSize } from '../config/index.js';

const BODY_LIMIT = 'bulwark:body-limit';
/** What `@RouteConfig()` of @nestjs/platform-fastify sets, which an application on Express does not have. */
const FASTIFY_ROUTE_CONFIG = '__fastify_route_config__';

/**
 * Largest body of a route, larger or smaller than that of all, such as `10mb`. It holds before the body is read. Where
 * the route has a `@RouteConfig()` of Fastify, write it above that one.
 *
 * @throws RangeError on a size that is none
 * @publicApi
 */
export function BodyLimit(size: string): MethodDecorator {
  const bytes = parseByteSize(size);
  return (_target, _name, { value }: PropertyDescriptor) => {
    Reflect.defineMetadata(BODY_LIMIT, bytes, value);
    const config = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG, value) as object | undefined;
    Reflect.defineMetadata(FASTIFY_ROUTE_CONFIG, { ...config, [BODY_LIMIT]: bytes }, value);
  };
}

/** The limit of a route of Express, by the function that its router calls: Nest copies the method's decorators to it. */
export function bodyLimitOf(handler: unknown): number | undefined {
  return typeof handler === 'function' ? (Reflect.getMetadata(BODY_LIMIT, handler) as number | undefined) : undefined;
}

/** The limit of a route of Fastify, by its configuration. */
export function bodyLimitIn(config: unknown): number | undefined {
  return (config as Record<string, number> | undefined)?.[BODY_LIMIT];
}
