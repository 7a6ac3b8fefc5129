import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import {
  RequestHookOrder,
  RequestHooks,
  requestPath,
  routePattern,
  type AdapterRequest,
  type RequestContext,
} from '../context/index.js';
import { Metrics, type Histogram } from '../ports/index.js';
import { redactSecrets } from '../common/index.js';
import { AccessLog, type AccessLogTarget } from './access-log.js';
import { OBSERVABILITY_OPTIONS, type ObservabilityOptions } from './observability.options.js';

/** The bucket boundaries that OpenTelemetry recommends for `http.server.request.duration`. */
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Measures each request and writes its access line when the response closes. A request hook does this, because the same
 * work in interceptors and middleware takes several times as long (see bench/RESULTS.md).
 *
 * @publicApi
 */
@Injectable()
export class RequestObserver {
  private readonly durations;
  private readonly series = new Map<string, Histogram>();
  private isQuiet: (path: string) => boolean;
  private accessLog: AccessLog | undefined;

  /** @internal */
  constructor(
    hooks: RequestHooks,
    metrics: Metrics,
    @Inject(OBSERVABILITY_OPTIONS) { accessLog = true, isQuiet = () => false }: ObservabilityOptions,
  ) {
    this.durations = metrics.histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Duration of HTTP requests, by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_BUCKETS_SECONDS,
    });
    this.isQuiet = isQuiet;
    this.accessLog = accessLog ? new AccessLog() : undefined;
    const hook = (request: AdapterRequest, response: ServerResponse, context: RequestContext) => {
      // Middleware may change the URL later.
      const path = requestPath(request.url);
      response.once('close', () => this.observe(request, response, context, path));
    };
    hooks.add(hook, { order: RequestHookOrder.Observation });
  }

  /** Changes where access lines go, and which requests write none. No effect on an access log that is turned off. */
  configureAccessLog({ target, isQuiet }: { target?: AccessLogTarget; isQuiet?: (path: string) => boolean }): void {
    if (target && this.accessLog) this.accessLog = new AccessLog(target);
    if (isQuiet) this.isQuiet = isQuiet;
  }

  private observe(request: AdapterRequest, response: ServerResponse, context: RequestContext, path: string): void {
    const durationMs = performance.now() - context.startedAt;
    // 499 as in nginx: the client closed the connection before the response was complete. 500 if the server destroyed it.
    const status = response.writableFinished ? response.statusCode : response.errored ? 500 : 499;
    const method = request.method ?? '';
    this.histogram(method, routePattern(request), status).observe(durationMs / 1000);
    if (!this.accessLog || context.isOperational || this.isQuiet(path)) return;
    this.accessLog.write(context, {
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
