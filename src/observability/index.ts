export { type AccessLogTarget } from './access-log.js';
export { ObservabilityModule } from './observability.module.js';
export { type ObservabilityOptions } from './observability.options.js';
export { PinoLogger, type PinoLoggerOptions } from './pino.logger.js';
export { RequestObserver } from './request-observer.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { OBSERVABILITY_OPTIONS } from './observability.options.js';
