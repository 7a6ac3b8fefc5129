import type { OutgoingHttpHeader } from 'node:http';
import {
  Injectable,
  Optional,
  StreamableFile,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { SSE_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { collectCredentials, type AdapterRequest } from '../context/index.js';
import { RouteMemo } from '../guards/index.js';
import { ownerName, shortKey } from './cache-key.js';
import type { CacheAnswer } from './cache.request.js';
import { CacheService } from './cache.service.js';
import { DoNotStore } from './entry-loader.js';
import { CACHED, requestOf, tagsOf, type CachedOptions } from './cached.options.js';
import { partitionOf, UNKNOWN_CALLER } from './partition.js';
import { answerCodec, StoredAnswer, type HandlerAnswer } from './route-answer.js';
import { isSentAsPlainJson } from './route-writing.js';
import type { ValueCodec } from './value-codec.js';

/** The part of a response that both adapters have. */
interface RouteResponse {
  readonly statusCode: number;
  getHeaders(): Readonly<Record<string, unknown>>;
  getHeader(name: string): OutgoingHttpHeader | undefined;
}

interface RoutePlan {
  readonly name: string;
  readonly options: CachedOptions;
  readonly vary: readonly string[];
  /** Further request headers on which a public response depends. */
  readonly publicVary: readonly string[];
  readonly codec: ValueCodec;
  readonly isSentAsPlainJson: boolean;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** These headers belong to one connection or one response, so they are set again for each response. */
const NOT_STORED = new Set(['content-length', 'transfer-encoding', 'connection', 'date', 'x-request-id', 'vary']);

/**
 * Answers with the cached result of a route, with the headers of RFC 9111. Only routes that are marked with `@Cached()`
 * have this interceptor. It caches what the handler returned: guards run before it, and outer interceptors around it.
 *
 * @internal
 */
@Injectable()
export class CachedRouteInterceptor implements NestInterceptor {
  private readonly plans = new RouteMemo<RoutePlan | undefined>((handler, controller) => {
    const options = Reflect.getMetadata(CACHED, handler) as CachedOptions | undefined;
    if (!options || Reflect.hasMetadata(SSE_METADATA, handler)) return undefined;
    const { credentialHeaders = [] } = this.cache?.settings ?? {};
    return {
      name: `${ownerName(controller)}.${handler.name}`,
      options,
      vary: (options.vary ?? []).map((name) => name.toLowerCase()),
      // Without a scope only callers without credentials share the response, and HTTP caches have to know that.
      publicVary: options.scope === undefined ? ['authorization', 'cookie', ...credentialHeaders] : [],
      codec: answerCodec(options.revive),
      isSentAsPlainJson: isSentAsPlainJson(
        CachedRouteInterceptor,
        { handler, controller },
        this.config,
        this.adapterHost.httpAdapter,
      ),
    };
  });

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly config: ApplicationConfig,
    @Optional() private readonly cache?: CacheService,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const plan = context.getType() === 'http' ? this.plans.get(context) : undefined;
    if (!plan || !this.cache) return next.handle();
    const request = context.switchToHttp().getRequest<AdapterRequest>();
    if (request.method !== 'GET' && request.method !== 'HEAD') return next.handle();
    const partition = this.partition(plan, request, this.cache);
    const key = partition === undefined ? undefined : keyOf(plan, request, partition);
    if (key === undefined) {
      if (partition === undefined && plan.options.scope === undefined) this.cache.warn(plan.name, UNKNOWN_CALLER);
      this.cache.bypassed(plan.name);
      return next.handle();
    }
    return from(this.answer(this.cache, plan, key, partition !== 'public', context, next));
  }

  private async answer(
    cache: CacheService,
    plan: RoutePlan,
    key: string,
    isPrivate: boolean,
    context: ExecutionContext,
    next: CallHandler,
  ): Promise<unknown> {
    const http = context.switchToHttp();
    const response = http.getResponse<RouteResponse>();
    const { codec, options } = plan;
    const request = requestOf(plan.name, key, options, tagsOf(options, [http.getRequest()]));
    const answer = await cache.lookup({ ...request, codec, isNothing }, () => this.load(plan, response, next));
    this.setHeaders(plan, response, answer, isPrivate);
    const result = answer.value as HandlerAnswer | StoredAnswer;
    // If it was loaded for this request, the handler has set status and headers itself.
    return result instanceof StoredAnswer ? this.repeat(plan, response, result) : result.value;
  }

  private repeat(plan: RoutePlan, response: RouteResponse, answer: StoredAnswer): unknown {
    const { httpAdapter } = this.adapterHost;
    if (answer.status !== response.statusCode) httpAdapter.status(response, answer.status);
    for (const [name, text] of answer.headers) httpAdapter.setHeader(response, name, text);
    const json = plan.isSentAsPlainJson ? answer.json : undefined;
    if (json === undefined) return answer.value;
    // Parsing it here and serializing it again would cost more than the rest of a hit.
    if (response.getHeader('content-type') === undefined) httpAdapter.setHeader(response, 'Content-Type', JSON_TYPE);
    return json;
  }

  /** The callers that share the response. The handler may use credentials that no guard has checked. */
  private partition({ options }: RoutePlan, request: AdapterRequest, cache: CacheService): string | undefined {
    const { tenantOf, credentialHeaders } = cache.settings;
    const isAnonymous = !request.user && collectCredentials(request, credentialHeaders).length === 0;
    return partitionOf(options.scope, isAnonymous, request.user, tenantOf);
  }

  /** Calls the handler. Returns `DoNotStore` if the response is for this request only. */
  private async load(
    { options }: RoutePlan,
    response: RouteResponse,
    next: CallHandler,
  ): Promise<HandlerAnswer | DoNotStore> {
    const before = response.getHeaders();
    const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
    const after = response.getHeaders();
    const set = Object.entries(after)
      .filter(([name, text]) => before[name] !== text && !NOT_STORED.has(name))
      .map(([name, text]): [string, string] => [name, String(text)]);
    const answer: HandlerAnswer = { value, status: response.statusCode, headers: set };
    // A handler that writes the response itself also returns undefined.
    const isNeverStored = value === undefined || (value === null && !options.negativeTtlMs);
    const mayStore =
      !isNeverStored &&
      !(value instanceof StreamableFile) &&
      response.statusCode >= 200 &&
      response.statusCode < 300 &&
      after['set-cookie'] === undefined &&
      !set.some(([name, text]) => name === 'cache-control' && text.includes('no-store'));
    return mayStore ? answer : new DoNotStore(answer);
  }

  private setHeaders(plan: RoutePlan, response: RouteResponse, answer: CacheAnswer, isPrivate: boolean) {
    const { options } = plan;
    const vary = isPrivate ? plan.vary : [...plan.vary, ...plan.publicVary];
    const { httpAdapter } = this.adapterHost;
    const { outcome, ageMs, ttlMs, value } = answer;
    const isHit = value instanceof StoredAnswer;
    if (isHit) httpAdapter.setHeader(response, 'Age', String(Math.floor(ageMs / 1_000)));
    httpAdapter.setHeader(
      response,
      'Cache-Status',
      `bulwark; ${isHit ? 'hit' : outcome === 'bypass' ? 'fwd=bypass' : 'fwd=miss'}`,
    );
    if (vary.length > 0) {
      const existing = response.getHeader('vary');
      httpAdapter.setHeader(response, 'Vary', [...(existing ? [String(existing)] : []), ...vary].join(', '));
    }
    // A response that is not stored here, such as an error, gets no Cache-Control from here.
    if (response.getHeader('cache-control') !== undefined || ttlMs === undefined) return;
    httpAdapter.setHeader(response, 'Cache-Control', isPrivate ? 'no-store' : publicControl(options, ttlMs));
  }
}

function keyOf({ options, vary }: RoutePlan, request: AdapterRequest, partition: string): string | undefined {
  const { key } = options;
  const text = typeof key === 'function' ? key(request) : (key ?? `${request.headers.host ?? ''} ${request.url}`);
  if (text === undefined) return undefined;
  return shortKey(JSON.stringify([partition, text, vary.map((name) => request.headers[name] ?? null)]));
}

function isNothing(answer: unknown): boolean {
  return (answer as HandlerAnswer).value === null;
}

/** A browser cannot be told to drop a response, so a response with tags has to be revalidated each time. */
function publicControl({ clientTtlMs, tags }: CachedOptions, ttlMs: number): string {
  const clientMs = clientTtlMs ?? (tags === undefined ? ttlMs : 0);
  return clientMs > 0 ? `public, max-age=${Math.floor(clientMs / 1_000)}` : 'public, no-cache';
}
