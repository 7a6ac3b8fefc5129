import type { ExecutionContext, Type } from '@nestjs/common';

type Handler = (...args: never[]) => unknown;

/**
 * Remembers what was worked out of a route's decorators, so that reflection is paid once per route and not per request.
 * The key is the handler and its class, because a handler may be inherited by several controllers.
 *
 * @publicApi
 */
export class RouteMemo<T> {
  private readonly memo = new WeakMap<Handler, Map<Type, T>>();

  constructor(private readonly compute: (handler: Handler, controller: Type) => T) {}

  get(context: ExecutionContext): T {
    return this.of(context.getHandler() as Handler, context.getClass());
  }

  /** For those who know the route without a request, at start. */
  of(handler: Handler, controller: Type): T {
    const known = this.memo.get(handler)?.get(controller);
    return known === undefined ? this.remember(handler, controller) : known;
  }

  private remember(handler: Handler, controller: Type): T {
    let ofHandler = this.memo.get(handler);
    if (!ofHandler) this.memo.set(handler, (ofHandler = new Map()));
    if (!ofHandler.has(controller)) ofHandler.set(controller, this.compute(handler, controller));
    return ofHandler.get(controller) as T;
  }
}
