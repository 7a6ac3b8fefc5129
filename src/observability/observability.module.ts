import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { Metrics } from '../ports/index.js';
import { ProblemModule } from '../problem/index.js';
import { MetricsController } from './metrics.controller.js';
import { OBSERVABILITY_OPTIONS, type ObservabilityOptions } from './observability.options.js';
import { PrometheusMetrics } from './prometheus.metrics.js';
import { RequestObserver } from './request-observer.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<ObservabilityOptions>({
  optionsInjectionToken: OBSERVABILITY_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Metrics at `/metrics`, durations of requests, and the access log. Other modules report through the {@link Metrics} port.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [ProblemModule],
  controllers: [MetricsController],
  providers: [
    { provide: PrometheusMetrics, useFactory: () => new PrometheusMetrics() },
    { provide: Metrics, useExisting: PrometheusMetrics },
    RequestObserver,
  ],
  exports: [Metrics, RequestObserver],
})
export class ObservabilityModule extends ConfigurableModuleClass {}
