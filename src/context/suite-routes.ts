import {
  Module,
  RequestMethod,
  VERSION_NEUTRAL,
  VersioningType,
  type DynamicModule,
  type ForwardReference,
  type NestModule,
  type Type,
} from '@nestjs/common';
import {
  HOST_METADATA,
  METHOD_METADATA,
  MODULE_PATH,
  PATH_METADATA,
  VERSION_METADATA,
} from '@nestjs/common/constants.js';
import { ApplicationConfig, MetadataScanner, ModuleRef, ModulesContainer, type NestContainer } from '@nestjs/core';
import type { Module as ModuleReference } from '@nestjs/core/injector/module.js';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';

/** How the suite's own routes behave in an application. */
export interface SuiteRouteOptions {
  /** Whether the routes stay where they are when the application calls `setGlobalPrefix()`. @default false */
  outsidePrefix?: boolean;
  /** The option that moves the routes, for messages. */
  movedBy?: string;
}

const SUITE_ROUTES = Symbol('bulwark.suiteRoutes');
const IMPORTED_ONCE = Symbol('bulwark.importedOnce');

/** Marks a controller as one of the suite. */
export function SuiteRoutes(options: SuiteRouteOptions): ClassDecorator {
  return (target) => Reflect.defineMetadata(SUITE_ROUTES, options, target);
}

/** Whether the routes of a controller stay outside of prefixes. */
export function staysOutsidePrefix(controller: Type): boolean {
  return (Reflect.getMetadata(SUITE_ROUTES, controller) as SuiteRouteOptions | undefined)?.outsidePrefix === true;
}

/** Marks a module that must not be imported with two sets of options. */
export function ImportedOnce(): ClassDecorator {
  return (target) => Reflect.defineMetadata(IMPORTED_ONCE, true, target);
}

type Version = string | typeof VERSION_NEUTRAL;

type Import = Type | DynamicModule | ForwardReference<() => Type | DynamicModule>;

interface Route {
  readonly method: RequestMethod;
  readonly path: string;
  readonly versions: readonly Version[] | undefined;
  readonly owner: string;
  readonly suite: SuiteRouteOptions | undefined;
}

/**
 * Adapts the suite's routes to the application before Nest registers any route: it keeps probes and the like outside of
 * the global prefix, and it refuses routes of the application at the same path, and modules that are imported twice.
 * Express would serve whichever route is registered first, and Fastify would fail without naming the controllers.
 */
@Module({})
export class SuiteRoutesModule implements NestModule {
  private readonly scanner = new MetadataScanner();
  private readonly paths: RoutePathFactory;

  constructor(
    private readonly config: ApplicationConfig,
    private readonly modules: ModulesContainer,
    private readonly moduleRef: ModuleRef,
  ) {
    this.paths = new RoutePathFactory(config);
    // All modules are known, and most have no providers yet. Their second instances would fail with errors of their own.
    this.refuseSecondImports();
  }

  /** Nest calls it after `setGlobalPrefix()` and `enableVersioning()`, and before it registers the routes. */
  configure(): void {
    this.leaveGlobalPrefix();
    this.refuseConflicts();
  }

  private refuseSecondImports(): void {
    const all = [...this.modules.values()];
    for (const { metatype, name } of all) {
      const marked = findMarkedClass(metatype);
      if (!marked) continue;
      const instances = all.filter((module) => findMarkedClass(module.metatype) === marked);
      if (instances.length < 2) continue;
      const importers = all
        .filter((module) => this.listImports(module).some((imported) => findMarkedClass(imported) === marked))
        .map((module) => module.name);
      throw new Error(
        `${name} is imported ${instances.length} times, with options of its own each time: by ${importers.join(' and ')}.\n` +
          `  → import it once, in the root module; it serves the whole application. createApp() and BulwarkModule import ` +
          'it already: set its options there',
      );
    }
  }

  /** The modules that a module imports by its decorator or its options. Nest adds each global module to all others. */
  private listImports({ metatype, token }: ModuleReference): unknown[] {
    const { container } = this.moduleRef as unknown as { container: NestContainer };
    const listed = (Reflect.getMetadata('imports', metatype) ?? []) as Import[];
    return [...listed, ...(container.getDynamicMetadataByToken(token, 'imports') as Import[])]
      .map((imported) => ('forwardRef' in imported ? imported.forwardRef() : imported))
      .map((imported) => ('module' in imported ? imported.module : imported));
  }

  private leaveGlobalPrefix(): void {
    if (!this.config.getGlobalPrefix()) return;
    const routes = this.listRoutes('').filter(({ suite }) => suite?.outsidePrefix);
    const options = this.config.getGlobalPrefixOptions();
    const own = routes.map(({ path, method }) => ({ path, requestMethod: method, pathRegex: matchExactly(path) }));
    this.config.setGlobalPrefixOptions({ ...options, exclude: [...(options.exclude ?? []), ...own] });
  }

  private refuseConflicts(): void {
    const routes = this.listRoutes(this.config.getGlobalPrefix());
    const conflicts = routes
      .filter(({ suite }) => suite)
      .flatMap((own) =>
        routes.filter((other) => !other.suite && this.doConflict(own, other)).map((other) => describe(own, other)),
      );
    if (conflicts.length > 0) throw new Error([...new Set(conflicts)].join('\n'));
  }

  private doConflict(own: Route, other: Route): boolean {
    const sameMethod = [own.method, other.method].includes(RequestMethod.ALL) || own.method === other.method;
    if (!sameMethod || normalize(own.path) !== normalize(other.path)) return false;
    const versioning = this.config.getVersioning();
    // With versions in the URI, the paths differ already.
    if (!versioning || versioning.type === VersioningType.URI) return true;
    if (!own.versions || !other.versions) return true;
    const isNeutral = [...own.versions, ...other.versions].includes(VERSION_NEUTRAL);
    return isNeutral || own.versions.some((version) => other.versions?.includes(version));
  }

  private listRoutes(prefix: string): Route[] {
    return [...this.modules.values()].flatMap((module) =>
      [...module.controllers.values()].flatMap(({ metatype }) =>
        this.listControllerRoutes(module, metatype as Type, prefix),
      ),
    );
  }

  private listControllerRoutes(module: ModuleReference, controller: Type, prefix: string): Route[] {
    // A route of one host does not hide that of all hosts.
    if (Reflect.getMetadata(HOST_METADATA, controller) !== undefined) return [];
    const prototype = controller.prototype as Record<string, object>;
    const versioningOptions = this.config.getVersioning();
    const controllerVersion = this.readVersion(controller) ?? versioningOptions?.defaultVersion;
    return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
      const handler = prototype[name] as object;
      const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
      if (method === undefined) return [];
      const methodVersion = this.readVersion(handler);
      const versions = (methodVersion ?? controllerVersion) as Version | Version[] | undefined;
      const paths = this.paths.create(
        {
          modulePath: this.readModulePath(module.metatype),
          ctrlPath: Reflect.getMetadata(PATH_METADATA, controller) as string,
          methodPath: Reflect.getMetadata(PATH_METADATA, handler) as string,
          globalPrefix: prefix && `/${prefix.replace(/^\//, '')}`,
          controllerVersion,
          methodVersion,
          versioningOptions,
        },
        method,
      );
      return paths.map((path) => ({
        method,
        path,
        versions: versions === undefined || Array.isArray(versions) ? versions : [versions],
        owner: `${controller.name} of ${module.name}`,
        suite: Reflect.getMetadata(SUITE_ROUTES, controller) as SuiteRouteOptions | undefined,
      }));
    });
  }

  private readVersion(target: object): Version | Version[] | undefined {
    return Reflect.getMetadata(VERSION_METADATA, target) as Version | Version[] | undefined;
  }

  /** The path that `RouterModule` has given to the module. */
  private readModulePath(metatype: object): string {
    const own = Reflect.getMetadata(MODULE_PATH + this.modules.applicationId, metatype) as string | undefined;
    return own ?? (Reflect.getMetadata(MODULE_PATH, metatype) as string | undefined) ?? '';
  }
}

/** The class with `@ImportedOnce()`: the module itself, or the one that `withRoutes()` has derived it from. */
function findMarkedClass(metatype: unknown): object | undefined {
  for (let one = metatype; typeof one === 'function'; one = Object.getPrototypeOf(one)) {
    if (Reflect.hasOwnMetadata(IMPORTED_ONCE, one)) return one;
  }
  return undefined;
}

function matchExactly(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/[^\w/]/g, '\\$&')}/?$`, 'i');
}

/** Routers ignore case, and parameters match whatever their names are. */
function normalize(path: string): string {
  return path.toLowerCase().replaceAll(/:\w+/g, ':');
}

function describe(own: Route, other: Route): string {
  const move = own.suite?.movedBy === undefined ? '' : `, or move those of the suite by ${own.suite.movedBy}`;
  return (
    `${RequestMethod[own.method]} ${own.path} is a route of ${own.owner} (nest-bulwark) and of ${other.owner}.\n` +
    `  → give the route of ${other.owner} another path or remove it${move}`
  );
}
