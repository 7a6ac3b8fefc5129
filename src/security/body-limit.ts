import 'reflect-metadata';
import { parseByteSize } from '../config/index.js';

const BODY_LIMIT = 'bulwark:body-limit';
/**
 * Metadata key of `@RouteConfig()` of @nestjs/platform-fastify. A constant here, because an application on Express does
 * not install that package.
 */
const FASTIFY_ROUTE_CONFIG = '__fastify_route_config__';

/**
 * Sets the maximum body size of a route, such as `10mb`. It replaces the limit of the module and may be larger or smaller.
 * A larger body is rejected before it is read. If the route has Fastify's `@RouteConfig()`, write `@BodyLimit()` above it.
 *
 * @throws RangeError if the size is invalid
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

/** Returns the limit of an Express route, from the function that the router calls. Nest copies the metadata to it. */
export function getHandlerBodyLimit(handler: unknown): number | undefined {
  return typeof handler === 'function' ? (Reflect.getMetadata(BODY_LIMIT, handler) as number | undefined) : undefined;
}

/** Returns the limit of a Fastify route, from its configuration. */
export function getConfigBodyLimit(config: unknown): number | undefined {
  return (config as Record<string, number> | undefined)?.[BODY_LIMIT];
}
