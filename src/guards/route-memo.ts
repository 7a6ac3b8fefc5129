import type { ExecutionContext, Type } from '@nestjs/common';

type Handler = (...args: never[]) => unknown;

/**
 * Memoizes a value that is computed from the decorators of a route, so that reflection runs once for each route and not
 * for each request. The key is the handler and its class, because several controllers can inherit one handler.
 *
 * @publicApi
 */
export class RouteMemo<T> {
  private readonly memo = new WeakMap<Handler, Map<Type, T>>();

  constructor(private readonly compute: (handler: Handler, controller: Type) => T) {}

  get(context: ExecutionContext): T {
    return this.getForRoute(context.getHandler() as Handler, context.getClass());
  }

  /** The value of a route, for code that has no request, such as code that runs at start. */
  getForRoute(handler: Handler, controller: Type): T {
    const known = this.memo.get(handler)?.get(controller);
    return known === undefined ? this.computeOnce(handler, controller) : known;
  }

  private computeOnce(handler: Handler, controller: Type): T {
    let byController = this.memo.get(handler);
    if (!byController) this.memo.set(handler, (byController = new Map()));
    if (!byController.has(controller)) byController.set(controller, this.compute(handler, controller));
    return byController.get(controller) as T;
  }
}
