import type { AddressInfo } from 'node:net';
import { VersioningType, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import type { AppConfig } from './config/index.js';
import { hardenApp } from './harden-app.js';
import { listen } from './listen.js';
import type { PinoLogger } from './observability/index.js';
import { abandonStart, enableGracefulShutdown, prepareStart, type StartupOptions } from './startup.js';

/** @publicApi */
export interface CreateAppOptions extends StartupOptions {
  /** Modules of the application itself, beside those of the suite. */
  imports?: ModuleMetadata['imports'];
}

/** @publicApi */
export interface CreatedApp {
  app: INestApplication;
  config: AppConfig;
  logger: PinoLogger;
  /** Listens at `HOST` and `PORT`; closes the application where that fails. Answers with what it is bound to. */
  listen: () => Promise<AddressInfo>;
}

/**
 * Builds the application, ready to listen, by the steps of `main.ts`.
 *
 * @throws ConfigError, DatabaseUnavailableError
 * @publicApi
 */
export async function createApp(options: CreateAppOptions = {}): Promise<CreatedApp> {
  const startup = await prepareStart(options);
  const { config, logger, adapter, nestOptions } = startup;
  try {
    const app = await NestFactory.create(AppModule.forRoot(config, options.imports), adapter, nestOptions);
    hardenApp(app, startup);
    app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    enableGracefulShutdown(app, startup);
    return { app, config, logger, listen: () => listen(app, config, logger) };
  } catch (error) {
    await abandonStart(startup);
    throw error;
  }
}
