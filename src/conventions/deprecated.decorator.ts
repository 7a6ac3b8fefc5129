import {
  Injectable,
  Optional,
  SetMetadata,
  UseGuards,
  VersioningType,
  type CanActivate,
  type ExecutionContext,
  type VersioningOptions,
} from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, HttpAdapterHost, Reflector } from '@nestjs/core';
import { Metrics, NoMetrics } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { RouteMemo } from '../guards/index.js';
import { routePattern, type AdapterRequest } from '../context/index.js';
import { addToHeader, type HeaderResponse } from './response-headers.js';

/** @publicApi */
export interface DeprecatedOptions {
  /** Date from which the route is deprecated. It may be in the future. */
  since: Date | string;
  /** Date after which the route may be removed. @default not decided */
  sunset?: Date | string;
  /** URL of a page that describes the replacement. @default none */
  link?: string;
  /** Behaviour after `sunset`: `serve` continues to serve the route, `gone` responds with 410. @default 'serve' */
  afterSunset?: 'serve' | 'gone';
  /** Deprecated versions, if the route has several versions. @default all */
  versions?: readonly string[];
}

interface Plan {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly links: string | undefined;
  readonly goneAfterMs: number;
  readonly versions: ReadonlySet<string> | undefined;
}

const DEPRECATED = Symbol('bulwark.deprecated');
/** Metadata key of @nestjs/swagger for an operation. A constant here, because @nestjs/swagger may not be installed. */
const OPENAPI_OPERATION = 'swagger/apiOperation';

@Injectable()
class DeprecationGuard implements CanActivate {
  private readonly plans: RouteMemo<Plan>;
  private readonly uses;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly config: ApplicationConfig,
    reflector: Reflector,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.plans = new RouteMemo((handler) => createPlan(reflector.get<DeprecatedOptions>(DEPRECATED, handler)));
    this.uses = metrics.counter({
      name: 'http_deprecated_requests_total',
      help: 'Requests to deprecated routes.',
      labelNames: ['route'],
    });
  }

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<AdapterRequest>();
    const { headers, links, goneAfterMs, versions } = this.plans.get(context);
    if (versions && ![...versions].some((version) => hasVersion(request, version, this.config.getVersioning()))) {
      return true;
    }
    const { httpAdapter } = this.adapterHost;
    const response = http.getResponse<HeaderResponse>();
    for (const [name, value] of headers) httpAdapter.setHeader(response, name, value);
    if (links !== undefined) addToHeader(httpAdapter, response, 'Link', links);
    this.uses.labels({ route: `${request.method} ${routePattern(request)}` }).add();
    if (Date.now() < goneAfterMs) return true;
    throw new ProblemException('GONE', 'This route has been removed. The Link header points to its replacement.');
  }
}

/**
 * Marks a route as deprecated. Responses get the headers `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link`.
 * Requests are counted, and the OpenAPI document shows the deprecation. On a controller, it applies to all its routes.
 *
 * @throws TypeError if a date is invalid, or if the sunset is before the deprecation
 * @publicApi
 */
export function Deprecated(options: DeprecatedOptions): MethodDecorator & ClassDecorator {
  createPlan(options);
  return ((target: object, property?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (descriptor) markRoute(options, target, property as string, descriptor);
    else markRoutes(options, (target as { prototype: object }).prototype);
  }) as MethodDecorator & ClassDecorator;
}

function markRoutes(options: DeprecatedOptions, prototype: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const handler: unknown = descriptor.value;
    // A decorator on the route overrides the decorator on the controller.
    if (typeof handler !== 'function' || !Reflect.hasMetadata(PATH_METADATA, handler)) continue;
    if (!Reflect.hasMetadata(DEPRECATED, handler)) markRoute(options, prototype, name, descriptor);
  }
}

function markRoute(options: DeprecatedOptions, target: object, property: string, descriptor: PropertyDescriptor): void {
  const handler = descriptor.value as object;
  SetMetadata(DEPRECATED, options)(target, property, descriptor);
  UseGuards(DeprecationGuard)(target, property, descriptor);
  const operation = Reflect.getMetadata(OPENAPI_OPERATION, handler) as object | undefined;
  if (!options.versions) Reflect.defineMetadata(OPENAPI_OPERATION, { ...operation, deprecated: true }, handler);
}

function createPlan({ since, sunset, link, afterSunset = 'serve', versions }: DeprecatedOptions): Plan {
  const from = parseTime(since, 'since');
  const until = sunset === undefined ? undefined : parseTime(sunset, 'sunset');
  if (until !== undefined && until < from) throw new TypeError('The option sunset is earlier than the option since.');
  const relations = until === undefined ? ['deprecation'] : ['deprecation', 'sunset'];
  return {
    headers: [
      ['Deprecation', `@${Math.floor(from / 1_000)}`],
      ...(until === undefined ? [] : [['Sunset', new Date(until).toUTCString()] as const]),
    ],
    links: link === undefined ? undefined : relations.map((relation) => `<${link}>; rel="${relation}"`).join(', '),
    goneAfterMs: afterSunset === 'gone' && until !== undefined ? until : Number.POSITIVE_INFINITY,
    versions: versions && new Set(versions),
  };
}

function parseTime(date: Date | string, option: string): number {
  const time = new Date(date).getTime();
  if (Number.isNaN(time)) throw new TypeError(`The option ${option} is not a valid date: ${String(date)}`);
  return time;
}

function hasVersion(request: AdapterRequest, version: string, versioning: VersioningOptions | undefined): boolean {
  if (versioning?.type === VersioningType.URI) {
    const prefix = versioning.prefix === undefined ? 'v' : versioning.prefix || '';
    return routePattern(request).split('/').includes(`${prefix}${version}`);
  }
  if (versioning?.type === VersioningType.HEADER) {
    return request.headers[versioning.header.toLowerCase()] === version;
  }
  if (versioning?.type === VersioningType.MEDIA_TYPE) {
    return String(request.headers.accept ?? '')
      .split(/[;,]/)
      .some((part) => part.trim() === versioning.key + version);
  }
  if (versioning?.type === VersioningType.CUSTOM) {
    return [versioning.extractor(request)].flat()[0] === version;
  }
  return false;
}
