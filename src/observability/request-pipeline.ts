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
import { withoutSecrets } from '../common/index.js';
import type { PinoLogger } from './pino.logger.js';

/** A caller's own request id is kept when it is harmless in logs and headers. */
const SAFE_REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** Seconds; the boundaries that OpenTelemetry recommends for `http.server.request.duration`. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Longest path, in characters. */
export const MAXIMUM_PATH = 4096;

export interface PipelineOptions {
  logger: PinoLogger;
  /** Headers that every response to a request carries; lists that were worked out at start. */
  responseHeaders: (request: AdapterRequest) => ReadonlyArray<readonly [name: string, value: string]>;
  /** Whether a path leaves no access line: probes and metrics. */
  isQuiet: (path: string) => boolean;
}

type HookResponse = ServerResponse | { raw: ServerResponse };
type Done = (error?: Error) => void;

/** The first thing that happens to a request. @internal */
export type RequestHook = (request: AdapterRequest, response: HookResponse, done: Done) => void;

interface HookableAdapter {
  setOnRequestHook(hook: RequestHook): void;
}

/**
 * The work that every request pays: id, context, response headers, access log and metrics, in one hook at
 * the adapter. As interceptors and middleware the same work costs several times as much (see bench/RESULTS.md).
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
      buckets: DURATION_BUCKETS,
    });
  }

  /** Installs the hook. Call it before the application is initialised, so that it runs before everything else. */
  install(app: INestApplication, options: PipelineOptions): RequestHook {
    const adapter = app.getHttpAdapter();
    const hook: RequestHook = (request, response, done) =>
      this.begin(request, 'raw' in response ? response.raw : response, done, options);
    (adapter as unknown as HookableAdapter).setOnRequestHook(hook);
    return hook;
  }

  private begin(request: AdapterRequest, response: ServerResponse, done: Done, options: PipelineOptions): void {
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && SAFE_REQUEST_ID.test(given) ? given : randomUUID();
    const context = new RequestContext(requestId, request, response);
    attachContext(request, context);
    const path = requestPath(request.url);
    for (const [name, value] of options.responseHeaders(request)) response.setHeader(name, value);
    response.setHeader('X-Request-Id', requestId);
    response.once('close', () => this.finish(request, response, context, path, options));
    const refusal = targetRefusal(path);
    runWithContext(context, () => done(refusal));
  }

  private finish(
    request: AdapterRequest,
    response: ServerResponse,
    context: RequestContext,
    path: string,
    { logger, isQuiet }: PipelineOptions,
  ): void {
    const durationMs = performance.now() - context.startedAt;
    // 499, as nginx has it: the client went away before the answer was complete. Unless it is we who broke it off.
    const status = response.writableFinished ? response.statusCode : response.errored ? 500 : 499;
    const method = request.method ?? '';
    this.histogram(method, routePattern(request), status).observe(durationMs / 1000);
    if (isQuiet(path)) return;
    const isRefusal = context.principal === undefined && (status >= 400 || method === 'OPTIONS');
    if (isRefusal && !logger.anonymousLines.admitRefusal(context.clientAddress)) return;
    logger.access[status >= 500 ? 'error' : 'info']({
      requestId: context.requestId,
      method,
      path: withoutSecrets(path),
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

/** Refuses here what one router would refuse, another decode to rubbish, and a third not find. */
function targetRefusal(path: string): ProblemException | undefined {
  if (path.length > MAXIMUM_PATH) {
    return new ProblemException('URI_TOO_LONG', `The path is longer than ${MAXIMUM_PATH} characters.`);
  }
  if (!path.includes('%')) return undefined;
  try {
    decodeURIComponent(path);
    return undefined;
  } catch {
    return new ProblemException('MALFORMED_URL', 'The path holds a percent-encoding that is not UTF-8.');
  }
}
