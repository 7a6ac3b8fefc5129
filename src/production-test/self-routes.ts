import { Injectable, RequestMethod, VERSION_NEUTRAL, VersioningType, type Type } from '@nestjs/common';
import { ApplicationConfig, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';
import { SkipCheck } from '../reports/index.js';

/** How a client requests a route. */
export interface RouteAddress {
  readonly path: string;
  /** Headers that select the version. */
  readonly headers: Readonly<Record<string, string>>;
}

type VersionValue = NonNullable<Parameters<RoutePathFactory['create']>[0]['methodVersion']>;

interface DeclaredRoute {
  readonly method: RequestMethod;
  readonly controller: string;
  readonly handler: string;
  readonly controllerPath: string;
  readonly handlerPath: string;
  readonly modulePath: string;
  readonly version: VersionValue | undefined;
}

/** Keys of Nest's metadata. Nest does not export them. */
const MODULE_PATH = '__module_path__';
const VERSION = '__version__';

/**
 * Finds the real addresses of routes: with the global prefix, the prefixes of RouterModule and the version, as Nest
 * registers them.
 */
@Injectable()
export class SelfRoutes {
  private readonly paths: RoutePathFactory;
  private declared: readonly DeclaredRoute[] | undefined;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly config: ApplicationConfig,
  ) {
    this.paths = new RoutePathFactory(config);
  }

  /** @param path path as the controller and the handler declare it, with or without values of its parameters */
  find(method: string, path: string, version?: string): RouteAddress | undefined {
    const candidates = this.routes.filter((route) => RequestMethod[route.method] === method);
    const exact = candidates.find((route) => getDeclaredPath(route) === path);
    const route = exact ?? candidates.find((one) => matchParameters(getDeclaredPath(one), path));
    if (!route) return undefined;
    const address = this.getAddress(route, version);
    const values = matchParameters(getDeclaredPath(route), path) ?? {};
    return (
      address && { ...address, path: address.path.replace(/:(\w+)/g, (text, name: string) => values[name] ?? text) }
    );
  }

  /** @throws SkipCheck if the application has no such route */
  require(method: string, path: string, version?: string): RouteAddress {
    const address = this.find(method, path, version);
    if (!address) throw new SkipCheck(`the self-test cannot find the route ${method} ${path} of the application`);
    return address;
  }

  /** Finds a route by the names of its class and method, for controllers whose path is an option. */
  findHandler(controller: string, handler: string): RouteAddress | undefined {
    const route = this.routes.find((one) => one.controller === controller && one.handler === handler);
    return route && this.getAddress(route);
  }

  /** The kind of versioning, or undefined if the application has none. */
  get versioning(): VersioningType | undefined {
    return this.config.getVersioning()?.type;
  }

  /** Returns undefined if only a function of the application knows how a request names its version. */
  private getAddress(route: DeclaredRoute, wanted?: string): RouteAddress | undefined {
    const versioningOptions = this.config.getVersioning();
    const versions: readonly unknown[] = [route.version].flat();
    const isNeutral = versions.includes(VERSION_NEUTRAL);
    const declared: VersionValue | undefined = isNeutral ? VERSION_NEUTRAL : (versions[0] as string | undefined);
    const version = wanted ?? declared;
    const [path] = this.paths.create(
      {
        ctrlPath: route.controllerPath,
        methodPath: route.handlerPath,
        modulePath: route.modulePath,
        globalPrefix: this.config.getGlobalPrefix(),
        ...(versioningOptions && { versioningOptions, ...(version !== undefined && { methodVersion: version }) }),
      },
      route.method,
    );
    if (path === undefined) return undefined;
    if (!versioningOptions || typeof version !== 'string') return { path, headers: {} };
    switch (versioningOptions.type) {
      case VersioningType.URI:
        return { path, headers: {} };
      case VersioningType.HEADER:
        return { path, headers: { [versioningOptions.header]: version } };
      case VersioningType.MEDIA_TYPE:
        return { path, headers: { Accept: `application/json;${versioningOptions.key}${version}` } };
      case VersioningType.CUSTOM:
        return undefined;
    }
  }

  /** Read at the first use. Nest sets prefix and versioning before, but after it has created this provider. */
  private get routes(): readonly DeclaredRoute[] {
    this.declared ??= [...this.readRoutes()];
    return this.declared;
  }

  private *readRoutes(): Generator<DeclaredRoute> {
    const scanner = new MetadataScanner();
    const defaultVersion = this.config.getVersioning()?.defaultVersion;
    for (const { metatype: module, controllers } of this.modules.values()) {
      const modulePath = read<string>(MODULE_PATH + this.modules.applicationId, module) ?? '';
      for (const { metatype } of controllers.values()) {
        const controller = metatype as Type;
        const prototype = controller.prototype as Record<string, object>;
        const controllerVersion = read<VersionValue>(VERSION, controller) ?? defaultVersion;
        for (const name of scanner.getAllMethodNames(prototype)) {
          const handler = prototype[name] as object;
          for (const handlerPath of readPaths(handler)) {
            for (const controllerPath of readPaths(controller)) {
              yield {
                method: read<RequestMethod>('method', handler) ?? RequestMethod.GET,
                controller: controller.name,
                handler: name,
                controllerPath,
                handlerPath,
                modulePath,
                version: read<VersionValue>(VERSION, handler) ?? controllerVersion,
              };
            }
          }
        }
      }
    }
  }
}

const read = <T>(key: string, target: object) => Reflect.getMetadata(key, target) as T | undefined;

function readPaths(target: object): string[] {
  const paths = read<string | string[]>('path', target);
  return paths === undefined ? [] : [paths].flat();
}

function getDeclaredPath({ controllerPath, handlerPath }: DeclaredRoute): string {
  return `/${[controllerPath, handlerPath]
    .flatMap((path) => path.split('/'))
    .filter(Boolean)
    .join('/')}`;
}

/** Returns the values of the parameters if the path matches the pattern. */
function matchParameters(pattern: string, path: string): Record<string, string> | undefined {
  const [expected, given] = [pattern.split('/'), path.split('/')];
  if (expected.length !== given.length) return undefined;
  const values: Record<string, string> = {};
  for (const [i, segment] of expected.entries()) {
    const value = given[i] ?? '';
    if (segment.startsWith(':')) values[segment.slice(1)] = value;
    else if (segment !== value) return undefined;
  }
  return values;
}
