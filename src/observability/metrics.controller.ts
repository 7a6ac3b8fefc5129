import { Get, Header, Inject, Req, VERSION_NEUTRAL } from '@nestjs/common';
import { isSameSecret } from '../common/index.js';
import { Operational } from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import type { AdapterRequest } from '../context/index.js';
import { OBSERVABILITY_OPTIONS, type ObservabilityOptions } from './observability.options.js';
import { PrometheusMetrics } from './prometheus.metrics.js';
import { SuiteController } from '../validation/index.js';

@SuiteController({ path: 'metrics', version: VERSION_NEUTRAL })
@Operational()
export class MetricsController {
  constructor(
    private readonly metrics: PrometheusMetrics,
    @Inject(OBSERVABILITY_OPTIONS) private readonly options: ObservabilityOptions,
  ) {}

  /** Prometheus text format 0.0.4. */
  @Get()
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @Header('Cache-Control', 'private, no-cache')
  async scrape(@Req() request: AdapterRequest): Promise<string> {
    this.authorize(request.headers.authorization);
    return this.metrics.registry.metrics();
  }

  private authorize(authorization: string | undefined): void {
    const { metricsToken, metricsOpen } = this.options;
    if (metricsToken === undefined && metricsOpen) return;
    if (metricsToken !== undefined && authorization !== undefined) {
      if (isSameSecret(authorization, `Bearer ${metricsToken}`)) return;
    }
    throw new ProblemException(
      'METRICS_TOKEN_REQUIRED',
      'Send the METRICS_TOKEN as "Authorization: Bearer …". In production, metrics are closed until METRICS_TOKEN is set.',
      { headers: { 'WWW-Authenticate': 'Bearer realm="metrics"' } },
    );
  }
}
