import type { ControllerOptions, DynamicModule, Type } from '@nestjs/common';
import { MODULE_METADATA, PATH_METADATA, VERSION_METADATA } from '@nestjs/common/constants.js';
import { staysOutsidePrefix } from './suite-routes.js';

/** Where the routes of a module are. @publicApi */
export interface RoutePlacement {
  /** Path before the path of each route, such as `internal`. JWKS, probes and metrics stay where they are. @default none */
  prefix?: string;
  /** Version of the routes, as in `@Controller({ version })`. @default that of each controller */
  version?: ControllerOptions['version'];
}

/**
 * Imports a module of the suite with other routes, or without its routes: `withRoutes(AuthModule.forRoot(options), false)`.
 * Its providers stay.
 *
 * @param routes false leaves the routes out
 * @publicApi
 */
export function withRoutes(module: DynamicModule | Type, routes: RoutePlacement | false): DynamicModule {
  const dynamic: DynamicModule = typeof module === 'function' ? { module } : module;
  const declared = (Reflect.getMetadata(MODULE_METADATA.CONTROLLERS, dynamic.module) ?? []) as Type[];
  // The decorators of the module apply to the subclass too, except for its controllers.
  const moved = createSubclass(dynamic.module);
  Reflect.defineMetadata(MODULE_METADATA.CONTROLLERS, placeControllers(declared, routes), moved);
  return { ...dynamic, module: moved, controllers: placeControllers(dynamic.controllers ?? [], routes) };
}

function placeControllers(controllers: readonly Type[], routes: RoutePlacement | false): Type[] {
  if (routes === false) return [];
  const { prefix = '', version } = routes;
  return controllers.map((controller) => {
    if (staysOutsidePrefix(controller)) return controller;
    const moved = createSubclass(controller);
    const paths = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[]].flat();
    Reflect.defineMetadata(
      PATH_METADATA,
      paths.map((path) => [...prefix.split('/'), ...path.split('/')].filter(Boolean).join('/')),
      moved,
    );
    if (version !== undefined) Reflect.defineMetadata(VERSION_METADATA, version, moved);
    return moved;
  });
}

/** A subclass of the same name, which inherits decorators and dependencies. */
function createSubclass(parent: Type): Type {
  return { [parent.name]: class extends parent {} }[parent.name] as Type;
}
