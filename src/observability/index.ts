export { ObservabilityModule } from './observability.module.js';
export { type ObservabilityOptions } from './observability.options.js';
export { PinoLogger, type PinoLoggerOptions } from './pino.logger.js';
export { type PipelineOptions, type RequestHook, RequestPipeline } from './request-pipeline.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { MAX_PATH_LENGTH } from './request-pipeline.js';
