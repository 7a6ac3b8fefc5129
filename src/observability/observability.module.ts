import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { Metrics } from '../ports/index.js';
import { MetricsController } from './metrics.controller.js';
import { OBSERVABILITY_OPTIONS, type ObservabilityOptions } from './observability.options.js';
import { PrometheusMetrics } from './prometheus.metrics.js';
import { RequestPipeline } from './request-pipeline.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<ObservabilityOptions>({
  optionsInjectionToken: OBSERVABILITY_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Metrics at `/metrics` and the request pipeline. Other modules report through the {@link Metrics} port.
 *
 * @publicApi
 */
@Global()
@Module({
  controllers: [MetricsController],
  providers: [
    { provide: PrometheusMetrics, useFactory: () => new PrometheusMetrics() },
    { provide: Metrics, useExisting: PrometheusMetrics },
    RequestPipeline,
  ],
  exports: [Metrics, RequestPipeline],
})
export class ObservabilityModule extends ConfigurableModuleClass {}
