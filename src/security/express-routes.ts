import { getHandlerBodyLimit } from './body-limit.js';

/** The part of a layer of Express 5's router that is used here. */
interface Layer {
  readonly route?: {
    readonly methods: Readonly<Record<string, boolean | undefined>>;
    readonly stack: readonly { readonly handle: unknown }[];
  };
  match(path: string): boolean;
}

export interface ExpressRouter {
  readonly stack: readonly Layer[];
}

/**
 * The body limits of the routes of an Express application. Bodies are read before Express matches the route, so the route
 * is matched here. If no route has its own limit, nothing is matched.
 */
export class ExpressRouteLimits {
  private routes: readonly Layer[] | undefined;
  private limitedRoutes: readonly Layer[] = [];

  constructor(private readonly router: () => ExpressRouter) {}

  getLimit(method: string, path: string): number | undefined {
    // The routes are registered after this object is created and before the first request.
    this.routes ??= this.readRoutes();
    const matches = (layer: Layer) => layer.route?.methods[method.toLowerCase()] === true && layer.match(path);
    if (!this.limitedRoutes.some(matches)) return undefined;
    // Express calls the first route that matches.
    return getLayerLimit(this.routes.find(matches));
  }

  private readRoutes(): readonly Layer[] {
    const routes = this.router().stack.filter(({ route }) => route !== undefined);
    this.limitedRoutes = routes.filter((layer) => getLayerLimit(layer) !== undefined);
    return routes;
  }
}

function getLayerLimit(layer: Layer | undefined): number | undefined {
  return layer?.route?.stack.map(({ handle }) => getHandlerBodyLimit(handle)).find((limit) => limit !== undefined);
}
