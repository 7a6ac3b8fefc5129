export * from './observability.module.js';
export type { ObservabilityOptions } from './observability.options.js';
export * from './pino.logger.js';
export * from './prometheus.metrics.js';
export * from './request-pipeline.js';
