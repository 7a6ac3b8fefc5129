import type { INestApplication, LoggerService, Type } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { RequestHooks } from './context/index.js';
import { onBadUrl, trustProxies, type TrustProxy } from './http-adapters.js';
import { PinoLogger, RequestObserver } from './observability/index.js';
import { ApiDocument } from './openapi.js';
import { GlobalProblemFilter } from './problem/index.js';
import { createValidationPipe, HardenedHttp, type ValidationOptions } from './security/index.js';
import { enableGracefulShutdown } from './startup.js';

/** @publicApi */
export interface HardenOptions {
  /** Logger of the application: the {@link PinoLogger} of this library, or any other. @default that of the application */
  logger?: LoggerService;
  /**
   * Whether every error without an exception filter of the application becomes a problem document (RFC 9457), also those
   * of unknown routes. If false, only the suite's own errors do. @default true
   */
  problems?: boolean;
  /** Whether bodies, queries and parameters of all routes are validated, and how. @default true */
  validation?: boolean | ValidationOptions;
  /** Whether SIGTERM, SIGINT and uncaught errors end the process by the graceful shutdown. @default true */
  signals?: boolean;
  /**
   * Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are used: their number, or their addresses and networks. For
   * Fastify, pass it to `createAdapter()`. @default none, or that of the adapter
   */
  trustProxy?: TrustProxy;
  /** Whether requests for this path write no access line. Probes and metrics never do. @default () => false */
  isQuiet?: (path: string) => boolean;
}

/**
 * Installs what needs the application itself: problem documents for every failure, the validation of all input, the
 * access log, trust in proxies, and the graceful shutdown. Call it before `app.listen()`.
 *
 * @throws Error that names the module to import or the line to add
 * @publicApi
 */
export function hardenApp(app: INestApplication, options: HardenOptions = {}): void {
  const { logger, problems = true, validation = true, signals = true, trustProxy, isQuiet } = options;
  const adapter = app.getHttpAdapter() as AbstractHttpAdapter;
  if (logger) app.useLogger(logger);
  if (trustProxy !== undefined) trustProxies(adapter, trustProxy);
  const http = find(app, HardenedHttp, 'SecurityModule');
  const hooks = find(app, RequestHooks, 'SecurityModule');
  const filter = find(app, GlobalProblemFilter, 'SecurityModule');
  onBadUrl(adapter, (error, request, reply) => {
    hooks.handle(request, reply, (refusal) =>
      filter.sendProblem(refusal ?? adapter.mapException(error as never), request, reply),
    );
  });
  if (problems) filter.coverAllErrors();
  if (validation !== false) {
    const changes = validation === true ? {} : validation;
    app.useGlobalPipes(createValidationPipe({ onReservedName: () => http.reportReservedName(), ...changes }));
  }
  const observer = findOptional(app, RequestObserver);
  observer?.configureAccessLog({
    ...(logger instanceof PinoLogger && { target: logger.access }),
    ...(isQuiet && { isQuiet }),
  });
  findOptional(app, ApiDocument)?.describe(app);
  if (signals) enableGracefulShutdown(app);
}

function find<T>(app: INestApplication, provider: Type<T>, module: string): T {
  const found = findOptional(app, provider);
  if (found) return found;
  throw new Error(
    `hardenApp() needs ${module}.\n  → add it to the imports of the root module: ${module}.forRoot(), or all modules with ` +
      'BulwarkModule.forRoot(fromEnvironment())',
  );
}

function findOptional<T>(app: INestApplication, provider: Type<T>): T | undefined {
  try {
    return app.get(provider, { strict: false });
  } catch {
    return undefined;
  }
}
