import { parseByteSize } from '../config/index.js';
import { createBodyDecorator } from './body-rules.js';

/** @publicApi */
export interface BodyLimitOptions {
  /**
   * Time in which the whole body must arrive, in milliseconds. It may be longer or shorter than that of other routes.
   * @default `timeouts.requestMs` of SecurityModule
   */
  timeoutMs?: number;
}

/**
 * Sets the maximum body size of a route, such as `10mb`, and the time in which the body must arrive. It replaces the limit of
 * the module and may be larger or smaller. A larger body is refused before it is read. On a class, it applies to the routes
 * that the class declares. If the route has Fastify's `@RouteConfig()`, write `@BodyLimit()` above it.
 *
 * @throws RangeError if the size is invalid
 * @publicApi
 */
export function BodyLimit(size: string, { timeoutMs }: BodyLimitOptions = {}): MethodDecorator & ClassDecorator {
  return createBodyDecorator({ limitBytes: parseByteSize(size), ...(timeoutMs !== undefined && { timeoutMs }) });
}
