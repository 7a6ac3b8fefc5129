import { bodyLimitOf } from './body-limit.js';

/** A layer of the router that Express 5 is made of, as far as it is used here. */
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
 * The body limits of the routes of an Express application. Bodies are read before Express looks for the route, so that
 * it has to be found here; which costs nothing where no route has a limit of its own.
 */
export class ExpressRouteLimits {
  private routes: readonly Layer[] | undefined;
  private limited: readonly Layer[] = [];

  constructor(private readonly router: () => ExpressRouter) {}

  limitOf(method: string, path: string): number | undefined {
    // Routes are registered after this was made, and before the first request.
    this.routes ??= this.read();
    const isMeant = (layer: Layer) => layer.route?.methods[method.toLowerCase()] === true && layer.match(path);
    if (!this.limited.some(isMeant)) return undefined;
    // The first route that matches is the one that answers.
    return limitOfLayer(this.routes.find(isMeant));
  }

  private read(): readonly Layer[] {
    const routes = this.router().stack.filter(({ route }) => route !== undefined);
    this.limited = routes.filter((layer) => limitOfLayer(layer) !== undefined);
    return routes;
  }
}

function limitOfLayer(layer: Layer | undefined): number | undefined {
  return layer?.route?.stack.map(({ handle }) => bodyLimitOf(handle)).find((limit) => limit !== undefined);
}
