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
  /** Since when it should not be used any more; may lie ahead. */
  since: Date | string;
  /** From when on it may be gone. @default not decided */
  sunset?: Date | string;
  /** Page that tells what to use instead. @default none */
  link?: string;
  /** What it does after `sunset`: `serve` goes on, `gone` answers 410. @default 'serve' */
  afterSunset?: 'serve' | 'gone';
  /** Versions that are meant, of a route that has several. @default all */
  versions?: readonly string[];
}

interface Plan {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly links: string | undefined;
  readonly goneFrom: number;
  readonly versions: ReadonlySet<string> | undefined;
}

const DEPRECATED = Symbol('bulwark.deprecated');
/** Where @nestjs/swagger keeps what it says of an operation; it need not be installed. */
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
    this.plans = new RouteMemo((handler) => planOf(reflector.get<DeprecatedOptions>(DEPRECATED, handler)));
    this.uses = metrics.counter({
      name: 'http_deprecated_requests_total',
      help: 'Requests for routes that are deprecated.',
      labelNames: ['route'],
    });
  }

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<AdapterRequest>();
    const { headers, links, goneFrom, versions } = this.plans.get(context);
    if (versions && ![...versions].some((version) => isVersion(request, version, this.config.getVersioning()))) {
      return true;
    }
    const { httpAdapter } = this.adapterHost;
    const response = http.getResponse<HeaderResponse>();
    for (const [name, value] of headers) httpAdapter.setHeader(response, name, value);
    if (links !== undefined) addToHeader(httpAdapter, response, 'Link', links);
    this.uses.labels({ route: `${request.method} ${routePattern(request)}` }).add();
    if (Date.now() < goneFrom) return true;
    throw new ProblemException('GONE', 'This route is not served any more. See the Link header for what is instead.');
  }
}

/**
 * Tells clients that a route is on its way out: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link`; counts who
 * still asks, and marks it in the OpenAPI document. On a controller it holds for all of its routes.
 *
 * @throws TypeError on a date that is none, or a sunset before the deprecation
 * @publicApi
 */
export function Deprecated(options: DeprecatedOptions): MethodDecorator & ClassDecorator {
  planOf(options);
  return ((target: object, property?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (descriptor) mark(options, target, property as string, descriptor);
    else markRoutes(options, (target as { prototype: object }).prototype);
  }) as MethodDecorator & ClassDecorator;
}

function markRoutes(options: DeprecatedOptions, prototype: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const handler: unknown = descriptor.value;
    // What a route says of itself comes first.
    if (typeof handler !== 'function' || !Reflect.hasMetadata(PATH_METADATA, handler)) continue;
    if (!Reflect.hasMetadata(DEPRECATED, handler)) mark(options, prototype, name, descriptor);
  }
}

function mark(options: DeprecatedOptions, target: object, property: string, descriptor: PropertyDescriptor): void {
  const handler = descriptor.value as object;
  SetMetadata(DEPRECATED, options)(target, property, descriptor);
  UseGuards(DeprecationGuard)(target, property, descriptor);
  const operation = Reflect.getMetadata(OPENAPI_OPERATION, handler) as object | undefined;
  if (!options.versions) Reflect.defineMetadata(OPENAPI_OPERATION, { ...operation, deprecated: true }, handler);
}

function planOf({ since, sunset, link, afterSunset = 'serve', versions }: DeprecatedOptions): Plan {
  const from = timeOf(since, 'since');
  const until = sunset === undefined ? undefined : timeOf(sunset, 'sunset');
  if (until !== undefined && until < from)
    throw new TypeError('A route cannot have its sunset before its deprecation.');
  const relations = until === undefined ? ['deprecation'] : ['deprecation', 'sunset'];
  return {
    headers: [
      ['Deprecation', `@${Math.floor(from / 1_000)}`],
      ...(until === undefined ? [] : [['Sunset', new Date(until).toUTCString()] as const]),
    ],
    links: link === undefined ? undefined : relations.map((relation) => `<${link}>; rel="${relation}"`).join(', '),
    goneFrom: afterSunset === 'gone' && until !== undefined ? until : Number.POSITIVE_INFINITY,
    versions: versions && new Set(versions),
  };
}

function timeOf(date: Date | string, option: string): number {
  const time = new Date(date).getTime();
  if (Number.isNaN(time)) throw new TypeError(`The option ${option} is no date: ${String(date)}`);
  return time;
}

function isVersion(request: AdapterRequest, version: string, versioning: VersioningOptions | undefined): boolean {
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
