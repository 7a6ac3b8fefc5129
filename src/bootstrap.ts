import type { AddressInfo } from 'node:net';
import { VersioningType, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { HttpAdapterHost, NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import type { DestinationStream } from 'pino';
import { AppModule } from './app.module.js';
import { ProblemFilter } from './problem/index.js';
import { loadConfig, readEnvironment, type AppConfig, type Environment } from './config/index.js';
import { stopEmbeddedServers } from './database/index.js';
import { setUpExpress, setUpFastify, setUpServer, type AdapterSetup } from './http-adapters.js';
import { listen } from './listen.js';
import { PinoLogger, RequestPipeline } from './observability/index.js';
import { ApiDocument } from './openapi.js';
import { exitOnSignals, shutDownOnSignals, ShutdownService } from './shutdown/index.js';
import { HardenedHttp, createValidationPipe } from './security/index.js';

/** @publicApi */
export interface CreateAppOptions {
  /** @default the process environment, with `.env` beneath it outside production */
  env?: Environment;
  /** Modules of the application itself, beside those of the suite. */
  imports?: ModuleMetadata['imports'];
  /** Whether SIGTERM, SIGINT and uncaught errors end the process by the graceful shutdown. @default true */
  handleSignals?: boolean;
  /** Where log lines go. @default standard output */
  logDestination?: DestinationStream;
}

/** @publicApi */
export interface CreatedApp {
  app: INestApplication;
  config: AppConfig;
  logger: PinoLogger;
  /** Listens at `HOST` and `PORT`; closes the application where that fails. Answers with what it is bound to. */
  listen: () => Promise<AddressInfo>;
}

/** Paths that platforms poll; a log line for each poll would bury the others. */
const QUIET_PATHS = /^\/(?:health(?:\/(?:live|ready|startup|deep))?|livez|readyz|healthz|metrics)\/?$/i;

/**
 * Builds the application, ready to listen: the same for `main.ts`, for tests and for benchmarks.
 *
 * @throws ConfigError, DatabaseUnavailableError
 * @publicApi
 */
export async function createApp(options: CreateAppOptions = {}): Promise<CreatedApp> {
  const { config, warnings } = loadConfig(options.env ?? readEnvironment());
  const logger = new PinoLogger({ level: config.log.level, destination: options.logDestination });
  for (const warning of warnings) logger.warn(warning, 'Config');
  const setUp = config.http.adapter === 'fastify' ? await setUpFastify(config.http) : await setUpExpress(config.http);
  const { handleSignals = true } = options;
  const endWatch = handleSignals ? exitOnSignals(stopEmbeddedServers) : () => undefined;
  try {
    const app = await NestFactory.create(
      AppModule.forRoot(config, options.imports),
      setUp.adapter as AbstractHttpAdapter,
      {
        logger,
        bodyParser: false,
        abortOnError: false,
      },
    );
    configure(app, logger, setUp);
    const shutdown = app.get(ShutdownService);
    shutdown.watch(app);
    endWatch();
    if (handleSignals) shutDownOnSignals(shutdown);
    return { app, config, logger, listen: () => listen(app, config, logger) };
  } catch (error) {
    endWatch();
    await stopEmbeddedServers();
    throw error;
  }
}

function configure(app: INestApplication, logger: PinoLogger, setUp: AdapterSetup): void {
  const http = app.get(HardenedHttp);
  setUpServer(app.getHttpServer(), http.createClientErrorListener());
  const hook = app.get(RequestPipeline).install(app, {
    logger,
    responseHeaders: (request) => http.getHeaders(request),
    isAccessLogSkipped: (path) => QUIET_PATHS.test(path),
  });
  const filter = new ProblemFilter(app.get(HttpAdapterHost));
  setUp.configure(hook, filter);
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
  app.useGlobalPipes(createValidationPipe({ onReservedName: () => http.reportReservedName() }));
  app.useGlobalFilters(filter);
  app.get(ApiDocument).describe(app);
}
