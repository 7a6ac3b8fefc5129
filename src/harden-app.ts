import type { INestApplication } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { setUpServer } from './http-adapters.js';
import { RequestPipeline } from './observability/index.js';
import { ApiDocument } from './openapi.js';
import { ProblemFilter } from './problem/index.js';
import { HardenedHttp, createValidationPipe } from './security/index.js';
import type { Startup } from './startup.js';

/** Paths that platforms poll. A log line for each poll would hide the others. */
const UNLOGGED_PATHS = /^\/(?:health(?:\/(?:live|ready|startup|deep))?|livez|readyz|healthz|metrics)\/?$/i;

/**
 * Installs what needs the application itself: limits of the server, the request pipeline (request id, context, response
 * headers, access log), problem documents for every failure, and the validation of every body and parameter.
 */
export function hardenApp(app: INestApplication, { logger, adapterSetup }: Startup): void {
  const http = app.get(HardenedHttp);
  setUpServer(app.getHttpServer(), http.createClientErrorListener());
  const hook = app.get(RequestPipeline).install(app, {
    logger,
    responseHeaders: (request) => http.getHeaders(request),
    isAccessLogSkipped: (path) => UNLOGGED_PATHS.test(path),
  });
  const filter = new ProblemFilter(app.get(HttpAdapterHost));
  adapterSetup.configure(hook, filter);
  app.useGlobalPipes(createValidationPipe({ onReservedName: () => http.reportReservedName() }));
  app.useGlobalFilters(filter);
  app.get(ApiDocument).describe(app);
}
