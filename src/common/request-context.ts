import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Principal } from './principal.js';

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
  /** Client address, found through the trusted proxies only. */
  readonly ip?: string;
  readonly raw?: IncomingMessage;
  readonly route?: { readonly path?: string };
  readonly routeOptions?: { readonly url?: string };
  user?: Principal;
}

/**
 * What is known of the request (or job) that the current code runs for.
 *
 * @publicApi
 */
export class RequestContext {
  /** Monotonic start, in milliseconds (`performance.now()`). */
  readonly startedAt = performance.now();

  constructor(
    readonly requestId: string = randomUUID(),
    private readonly request?: AdapterRequest,
  ) {}

  get principal(): Principal | undefined {
    return this.request?.user;
  }

  get clientAddress(): string | undefined {
    return this.request?.ip;
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

const storage = new AsyncLocalStorage<RequestContext>();
const CONTEXT = Symbol('bulwark.requestContext');

/** Ties a context to a request. Called once, by the first hook of the pipeline. @internal */
export function attachContext(request: AdapterRequest, context: RequestContext): void {
  Object.assign(request.raw ?? request, { [CONTEXT]: context });
}

/** The context of a request, without a look at asynchronous state: the cheap way where the request is at hand. */
export function contextOf(request: AdapterRequest): RequestContext {
  const raw = (request.raw ?? request) as { [CONTEXT]?: RequestContext };
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
