export { type AccessLogTarget } from './access-log.js';
export { ObservabilityModule } from './observability.module.js';
export { type ObservabilityOptions } from './observability.options.js';
export { PinoLogger, type PinoLoggerOptions } from './pino.logger.js';
export { RequestObserver } from './request-observer.js';
