import { getHandlerBodyRules, type BodyRules } from './body-rules.js';

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
 * The body rules of the routes of an Express application. Bodies are read before Express matches the route, so the route is
 * matched here. If no route has its own rules, nothing is matched.
 */
export class ExpressBodyRules {
  private routes: readonly Layer[] | undefined;
  private ruledRoutes: readonly Layer[] = [];

  constructor(private readonly router: () => ExpressRouter) {}

  getRules(method: string, path: string): BodyRules | undefined {
    const routes = this.getRoutes();
    const matches = (layer: Layer) => layer.route?.methods[method.toLowerCase()] === true && layer.match(path);
    if (!this.ruledRoutes.some(matches)) return undefined;
    // Express calls the first route that matches.
    return getLayerRules(routes.find(matches));
  }

  /** The rules of all routes that have some. */
  getAll(): BodyRules[] {
    this.getRoutes();
    return this.ruledRoutes.map(getLayerRules).filter((rules) => rules !== undefined);
  }

  /** The routes are registered after this object is created and before the first request. */
  private getRoutes(): readonly Layer[] {
    if (this.routes) return this.routes;
    this.routes = this.router().stack.filter(({ route }) => route !== undefined);
    this.ruledRoutes = this.routes.filter((layer) => getLayerRules(layer) !== undefined);
    return this.routes;
  }
}

function getLayerRules(layer: Layer | undefined): BodyRules | undefined {
  return layer?.route?.stack.map(({ handle }) => getHandlerBodyRules(handle)).find((rules) => rules !== undefined);
}
