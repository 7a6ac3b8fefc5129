import type { INestApplication, NestApplicationOptions } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { DestinationStream } from 'pino';
import { loadConfig, readEnvironment, type AppConfig, type Environment } from './config/index.js';
import { stopEmbeddedServers } from './database/index.js';
import { createAdapter } from './http-adapters.js';
import { PinoLogger } from './observability/index.js';
import { exitOnSignals, shutDownOnSignals, ShutdownService } from './shutdown/index.js';

/** @publicApi */
export interface StartupOptions {
  /** @default the process environment, with `.env` beneath it outside production */
  env?: Environment;
  /** Whether SIGTERM, SIGINT and uncaught errors end the process by the graceful shutdown. @default true */
  handleSignals?: boolean;
  /** Where log lines go. @default standard output */
  logDestination?: DestinationStream;
}

/** What exists before Nest creates the application. */
export interface Startup {
  readonly config: AppConfig;
  readonly logger: PinoLogger;
  readonly adapter: AbstractHttpAdapter;
  /** Options of `NestFactory.create()`. */
  readonly nestOptions: NestApplicationOptions;
  readonly handleSignals: boolean;
  /** Removes the signal handlers of the start. */
  releaseSignals(): void;
}

/**
 * Reads and validates the configuration, and makes the logger and the HTTP adapter. Until
 * {@link enableGracefulShutdown}, a signal stops the embedded database and ends the process.
 *
 * @throws ConfigError
 */
export async function prepareStart(options: StartupOptions = {}): Promise<Startup> {
  const { config, warnings } = loadConfig(options.env ?? readEnvironment());
  const logger = new PinoLogger({ level: config.log.level, destination: options.logDestination });
  for (const warning of warnings) logger.warn(warning, 'Config');
  const { handleSignals = true } = options;
  return {
    config,
    logger,
    adapter: await createAdapter(config.http),
    // The suite reads bodies itself. An error of the start is reported by its exit code.
    nestOptions: { logger, bodyParser: false, abortOnError: false },
    handleSignals,
    releaseSignals: handleSignals ? exitOnSignals(stopEmbeddedServers) : () => undefined,
  };
}

/** Stops what {@link prepareStart} and the modules have started, after a start that failed. */
export async function abandonStart(startup?: Startup): Promise<void> {
  startup?.releaseSignals();
  await stopEmbeddedServers();
}

/** From here on a signal or an uncaught error ends the process by the graceful shutdown. */
export function enableGracefulShutdown(app: INestApplication, startup?: Startup): void {
  const shutdown = app.get(ShutdownService);
  shutdown.watch(app);
  startup?.releaseSignals();
  if (startup?.handleSignals ?? true) shutDownOnSignals(shutdown);
}
