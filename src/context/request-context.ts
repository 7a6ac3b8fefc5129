import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { getClientAddress } from './client-address.js';
import { collectCredentials } from './credentials.js';
import type { Principal } from './principal.js';
import { requestPath } from './request-path.js';
import { ResponseHold } from './response-hold.js';

/**
 * The part of an adapter's request that both adapters share. Express passes Node's own object. Fastify wraps that object
 * as `raw` and has another name for the matched route.
 *
 * @publicApi
 */
export interface AdapterRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Client address as the adapter found it through the trusted proxies. `getClientAddress()` parses it. */
  readonly ip?: string;
  readonly raw?: IncomingMessage;
  readonly route?: { readonly path?: string };
  readonly routeOptions?: { readonly url?: string };
  user?: Principal;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header. A trace id of zeros is invalid. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;

/**
 * The request (or job) that the current code runs for.
 *
 * @publicApi
 */
export class RequestContext {
  /** Monotonic start, in milliseconds (`performance.now()`). */
  readonly startedAt = performance.now();
  /** Whether the matched route is `@Operational()`. The guard chain sets it. @internal */
  isOperational = false;
  private activeHold: ResponseHold | undefined;

  constructor(
    readonly requestId: string = randomUUID(),
    private readonly request?: AdapterRequest,
    private readonly response?: ServerResponse,
  ) {}

  /**
   * Delays the response until `condition` resolves. If it rejects, the client gets an error instead of the response.
   * Delays nothing in a job, or if the response has been sent.
   */
  holdResponse(condition: Promise<unknown>): void {
    if (this.response && !this.response.writableEnded) this.activeHold ??= new ResponseHold(this.response);
    // Nobody waits for this condition, so its rejection must not end the process.
    if (this.activeHold) this.activeHold.add(condition);
    else condition.catch(() => undefined);
  }

  /**
   * Calls `listener` with the status code before the response is sent. The listener can still call `holdResponse()`.
   * Does nothing in a job, or if the response has been sent.
   */
  beforeResponse(listener: (status: number) => void): void {
    if (!this.response || this.response.writableEnded) return;
    this.activeHold ??= new ResponseHold(this.response);
    this.activeHold.addListener((status) => runWithContext(this, () => listener(status)));
  }

  /** A context of the same request without its response, for work that continues after the response. */
  withoutResponse(): RequestContext {
    return new RequestContext(this.requestId, this.request);
  }

  /** Undefined if the response waits for nothing, which is the usual case. @internal */
  get responseHold(): ResponseHold | undefined {
    return this.activeHold;
  }

  /** Trace id from the W3C header `traceparent`. */
  get traceId(): string | undefined {
    const header = this.request?.headers['traceparent'];
    return typeof header === 'string' ? TRACEPARENT.exec(header)?.[1] : undefined;
  }

  get principal(): Principal | undefined {
    return this.request?.user;
  }

  /**
   * Whether the request carries nothing that identifies its caller. False in a job.
   *
   * @param moreHeaders further headers that hold credentials, in lower case
   */
  isAnonymous(moreHeaders?: readonly string[]): boolean {
    const { request } = this;
    return request !== undefined && !request.user && collectCredentials(request, moreHeaders).length === 0;
  }

  /** Tenant that the caller acts in. Undefined for a caller without a tenant. */
  get tenantId(): string | undefined {
    return this.request?.user?.tenantId;
  }

  /** @see getClientAddress */
  get clientAddress(): string | undefined {
    return this.request && getClientAddress(this.request);
  }

  get userAgent(): string | undefined {
    return this.request?.headers['user-agent'];
  }

  /** Path of the request, without its query. Undefined in a job. */
  get path(): string | undefined {
    const { request } = this;
    // Express changes `url` in nested routers.
    return request && requestPath((request as { originalUrl?: string }).originalUrl ?? request.url);
  }

  /** Method and pattern of the matched route, such as `POST /v1/auth/login`. */
  get route(): string | undefined {
    return this.request && `${this.request.method} ${routePattern(this.request)}`;
  }
}

/** Pattern of the matched route, such as `/users/:id`. Unknown paths become `unmatched`, so that a client cannot create metric labels. */
export function routePattern(request: AdapterRequest): string {
  const pattern = request.routeOptions?.url ?? request.route?.path ?? 'unmatched';
  // Fastify's CORS plugin answers preflights on the route `*`.
  return pattern === '*' ? 'unmatched' : pattern;
}

const storage = new AsyncLocalStorage<RequestContext | undefined>();
const CONTEXT = Symbol('bulwark.requestContext');
type WithContext = { [CONTEXT]?: RequestContext };

/** Attaches a context to a request. {@link RequestHooks} calls it once. @internal */
export function attachContext(request: AdapterRequest, context: RequestContext): void {
  ((request.raw ?? request) as WithContext)[CONTEXT] = context;
}

/** Returns the context of a request. Cheaper than {@link currentContext}, because it does not read AsyncLocalStorage. */
export function getRequestContext(request: AdapterRequest): RequestContext {
  const raw = (request.raw ?? request) as WithContext;
  // A request that did not pass the request hooks (an application's own server) still gets an id.
  return (raw[CONTEXT] ??= new RequestContext(undefined, request));
}

/**
 * The context of the code that runs now. Undefined outside requests and jobs.
 *
 * @publicApi
 */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

/**
 * Runs `work` with the given context: its logs and audit events carry that context. For a job, pass a new context.
 *
 * @publicApi
 */
export function runWithContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** Runs `work` without a request context. A timer or a summary of many requests must not carry the caller's context. */
export function runOutsideRequests<T>(work: () => T): T {
  return storage.run(undefined, work);
}
