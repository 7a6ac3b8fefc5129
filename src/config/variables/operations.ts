import { z } from 'zod';
import { choice, duration, flag, parsed, size } from '../notations.js';
import { randomSecret } from '../secrets.js';
import { httpUrl } from '../server-urls.js';
import { variable } from '../variable.js';

export const operationsVariables = {
  CURSOR_SECRET: variable({
    schema: z.string().min(32),
    description:
      'Signs cursors of lists (openssl rand -base64 48). Unset: a key derived from the signing key of tokens.',
    secret: randomSecret('cursors could be forged'),
    setting: 'conventions.cursorSecret',
  }),
  CACHE_MAX_SIZE: variable({
    schema: size('1mb', '64gb'),
    default: '64mb',
    description: 'Memory of one process for cached results.',
    setting: 'cache.maxBytes',
  }),
  SHUTDOWN_DRAIN_DELAY: variable({
    schema: duration('0ms'),
    description:
      'Pause between the failing readiness probe and the closing of the port. Unset: 5s in production, else none.',
  }),
  SHUTDOWN_TIMEOUT: variable({
    schema: duration('0ms'),
    default: '30s',
    description: 'Longest wait for requests in flight at shutdown.',
    setting: 'shutdown.timeoutMs',
  }),
  LOG_LEVEL: variable({
    schema: choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    default: 'info',
    description: 'fatal, error, warn, info, debug, trace or silent.',
    setting: 'log.level',
  }),
  METRICS_TOKEN: variable({
    schema: z.string(),
    description: 'Bearer token for /metrics. Production serves no metrics without it.',
    secret: randomSecret('metrics could be read'),
    setting: 'metrics.token',
  }),
  SENTRY_DSN: variable({
    schema: parsed(httpUrl),
    description: 'Sentry project to report errors to.',
    isReserved: true,
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable({
    schema: parsed(httpUrl),
    description: 'OpenTelemetry collector.',
    isReserved: true,
  }),
  PRODUCTION_TEST_ENABLED: variable({
    schema: flag,
    description: 'Serves /production-test. Unset: on, but off in production.',
  }),
  PRODUCTION_TEST_TIMEOUT: variable({
    schema: duration('1s', '10m'),
    default: '10s',
    description: 'Maximum run time of the self-tests; an unfinished one becomes a warning.',
    setting: 'productionTest.timeoutMs',
  }),
};
