import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Injectable, type INestApplication } from '@nestjs/common';
import {
  attachContext,
  RequestContext,
  requestPath,
  routePattern,
  runWithContext,
  type AdapterRequest,
} from '../context/index.js';
import { Metrics, type Histogram } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { redactSecrets } from '../common/index.js';
import type { PinoLogger } from './pino.logger.js';

/** A request id from the client is used if it is safe in logs and headers. */
const SAFE_REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** The bucket boundaries that OpenTelemetry recommends for `http.server.request.duration`. */
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** In characters. */
export const MAX_PATH_LENGTH = 4096;

/** @publicApi */
export interface PipelineOptions {
  logger: PinoLogger;
  /** Returns the headers of every response. The lists are computed at start. */
  responseHeaders: (request: AdapterRequest) => ReadonlyArray<readonly [name: string, value: string]>;
  /** Whether requests for a path write no access line, as for probes and metrics. */
  isAccessLogSkipped: (path: string) => boolean;
}

type HookResponse = ServerResponse | { raw: ServerResponse };
type Done = (error?: Error) => void;

/** Runs before everything else for a request. @publicApi */
export type RequestHook = (request: AdapterRequest, response: HookResponse, done: Done) => void;

interface HookableAdapter {
  setOnRequestHook(hook: RequestHook): void;
}

/**
 * Does the work of every request in one hook of the adapter: request id, context, response headers, access log and
 * metrics. The same work in interceptors and middleware takes several times as long (see bench/RESULTS.md).
 *
 * @publicApi
 */
@Injectable()
export class RequestPipeline {
  private readonly durations;
  private readonly series = new Map<string, Histogram>();

  constructor(metrics: Metrics) {
    this.durations = metrics.histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Duration of HTTP requests, by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_BUCKETS_SECONDS,
    });
  }

  /** Installs the hook. Call it before `app.init()`, so that the hook runs before all other hooks. */
  install(app: INestApplication, options: PipelineOptions): RequestHook {
    const adapter = app.getHttpAdapter();
    const hook: RequestHook = (request, response, done) =>
      this.startRequest(request, 'raw' in response ? response.raw : response, done, options);
    (adapter as unknown as HookableAdapter).setOnRequestHook(hook);
    return hook;
  }

  private startRequest(request: AdapterRequest, response: ServerResponse, done: Done, options: PipelineOptions): void {
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && SAFE_REQUEST_ID.test(given) ? given : randomUUID();
    const context = new RequestContext(requestId, request, response);
    attachContext(request, context);
    const path = requestPath(request.url);
    for (const [name, value] of options.responseHeaders(request)) response.setHeader(name, value);
    response.setHeader('X-Request-Id', requestId);
    response.once('close', () => this.finishRequest(request, response, context, path, options));
    const refusal = validatePath(path);
    runWithContext(context, () => done(refusal));
  }

  private finishRequest(
    request: AdapterRequest,
    response: ServerResponse,
    context: RequestContext,
    path: string,
    { logger, isAccessLogSkipped }: PipelineOptions,
  ): void {
    const durationMs = performance.now() - context.startedAt;
    // 499 as in nginx: the client closed the connection before the response was complete. 500 if the server destroyed it.
    const status = response.writableFinished ? response.statusCode : response.errored ? 500 : 499;
    const method = request.method ?? '';
    this.histogram(method, routePattern(request), status).observe(durationMs / 1000);
    if (isAccessLogSkipped(path)) return;
    const isRefusal = context.principal === undefined && (status >= 400 || method === 'OPTIONS');
    if (isRefusal && !logger.anonymousLogLimiter.admitRefusal(context.clientAddress)) return;
    logger.access[status >= 500 ? 'error' : 'info']({
      requestId: context.requestId,
      method,
      path: redactSecrets(path),
      status,
      durationMs: Math.round(durationMs * 100) / 100,
      address: context.clientAddress,
      userId: context.principal?.id,
      msg: 'request',
    });
  }

  private histogram(method: string, route: string, status: number): Histogram {
    const key = `${method} ${status} ${route}`;
    let histogram = this.series.get(key);
    if (!histogram) {
      histogram = this.durations.labels({ method, route, status: String(status) });
      this.series.set(key, histogram);
    }
    return histogram;
  }
}

/** Rejects paths that are too long or wrongly encoded. The routers of the adapters would treat them differently. */
function validatePath(path: string): ProblemException | undefined {
  if (path.length > MAX_PATH_LENGTH) {
    return new ProblemException('URI_TOO_LONG', `The path is longer than ${MAX_PATH_LENGTH} characters.`);
  }
  if (!path.includes('%')) return undefined;
  try {
    decodeURIComponent(path);
    return undefined;
  } catch {
    return new ProblemException('MALFORMED_URL', 'The path contains a percent-encoding that is not UTF-8.');
  }
}
