import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { clientAddressOf } from './client-address.js';
import { credentialsOf } from './credentials.js';
import type { Principal } from './principal.js';
import { ResponseHold } from './response-hold.js';

/**
 * The part of an adapter's request that both adapters share. Express hands out Node's own object, Fastify wraps it as
 * `raw` and knows the matched route under another name.
 *
 * @publicApi
 */
export interface AdapterRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Client address as the adapter found it through the trusted proxies; `clientAddressOf()` parses it. */
  readonly ip?: string;
  readonly raw?: IncomingMessage;
  readonly route?: { readonly path?: string };
  readonly routeOptions?: { readonly url?: string };
  user?: Principal;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header; a trace id of zeros is none. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;

/**
 * What is known of the request (or job) that the current code runs for.
 *
 * @publicApi
 */
export class RequestContext {
  /** Monotonic start, in milliseconds (`performance.now()`). */
  readonly startedAt = performance.now();
  private held: ResponseHold | undefined;

  constructor(
    readonly requestId: string = randomUUID(),
    private readonly request?: AdapterRequest,
    private readonly response?: ServerResponse,
  ) {}

  /**
   * Keeps the answer back until `condition` is met; should it fail, the client gets its error instead of the answer.
   * Does nothing where there is no answer to keep back: in a job, or when it has gone out.
   */
  holdResponse(condition: Promise<unknown>): void {
    if (this.response && !this.response.writableEnded) this.held ??= new ResponseHold(this.response);
    // Whoever is not waited for must not end the process when it fails.
    if (this.held) this.held.add(condition);
    else condition.catch(() => undefined);
  }

  /**
   * Calls `listener` with the status when the answer is about to go out. What it holds the answer back for is waited for.
   * Does nothing where there is no answer to come.
   */
  beforeAnswer(listener: (status: number) => void): void {
    if (!this.response || this.response.writableEnded) return;
    this.held ??= new ResponseHold(this.response);
    this.held.announceTo((status) => runWithContext(this, () => listener(status)));
  }

  /** The same request without its answer, for work that goes on after it. */
  detached(): RequestContext {
    return new RequestContext(this.requestId, this.request);
  }

  /** What the answer waits for; undefined, as a rule. @internal */
  get hold(): ResponseHold | undefined {
    return this.held;
  }

  /** Trace that the request belongs to, by the W3C header `traceparent`. */
  get traceId(): string | undefined {
    const header = this.request?.headers['traceparent'];
    return typeof header === 'string' ? TRACEPARENT.exec(header)?.[1] : undefined;
  }

  get principal(): Principal | undefined {
    return this.request?.user;
  }

  /**
   * Whether this is a request that carries nothing by which its caller could be told from others. False in a job.
   *
   * @param moreHeaders headers that hold credentials, besides the usual ones, in lower case
   */
  isAnonymous(moreHeaders?: readonly string[]): boolean {
    const { request } = this;
    return request !== undefined && !request.user && credentialsOf(request, moreHeaders).length === 0;
  }

  /** Tenant that the caller acts in; undefined for callers without one. */
  get tenantId(): string | undefined {
    return this.request?.user?.tenantId;
  }

  /** @see clientAddressOf */
  get clientAddress(): string | undefined {
    return this.request && clientAddressOf(this.request);
  }

  get userAgent(): string | undefined {
    return this.request?.headers['user-agent'];
  }

  /** Method and pattern of the matched route, such as `POST /v1/auth/login`. */
  get route(): string | undefined {
    return this.request && `${this.request.method} ${routePattern(this.request)}`;
  }
}

/** Pattern of the matched route, `/users/:id`; `unmatched` keeps made-up paths out of metric labels. */
export function routePattern(request: AdapterRequest): string {
  const pattern = request.routeOptions?.url ?? request.route?.path ?? 'unmatched';
  // The CORS plugin of Fastify answers preflights on a route of that name.
  return pattern === '*' ? 'unmatched' : pattern;
}

const storage = new AsyncLocalStorage<RequestContext | undefined>();
const CONTEXT = Symbol('bulwark.requestContext');
type Contextual = { [CONTEXT]?: RequestContext };

/** Ties a context to a request. Called once, by the first hook of the pipeline. @internal */
export function attachContext(request: AdapterRequest, context: RequestContext): void {
  ((request.raw ?? request) as Contextual)[CONTEXT] = context;
}

/** The context of a request, without a look at asynchronous state: the cheap way where the request is at hand. */
export function contextOf(request: AdapterRequest): RequestContext {
  const raw = (request.raw ?? request) as Contextual;
  // A request that never passed the pipeline (a consumer's own server) still gets an id.
  return (raw[CONTEXT] ??= new RequestContext(undefined, request));
}

/**
 * The context of whatever runs now, or undefined outside requests and jobs.
 *
 * @publicApi
 */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

/**
 * Runs `work` so that logs and audit events written inside carry the given context. For jobs, pass a new one.
 *
 * @publicApi
 */
export function runWithContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** Runs `work` for no request, where that of the caller would be the wrong one: what a timer of it does later. */
export function runOutsideRequests<T>(work: () => T): T {
  return storage.run(undefined, work);
}
