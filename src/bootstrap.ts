import type { AddressInfo } from 'node:net';
import {
  VersioningType,
  type INestApplication,
  type LoggerService,
  type ModuleMetadata,
  type VersioningOptions,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import type { AuditModuleOptions } from './audit/index.js';
import type { RoleDefinitions } from './authorization/index.js';
import { mergeOptions, type BulwarkOptions, type ModuleName, type ModuleOptions } from './bulwark.options.js';
import type { AppConfig } from './config/index.js';
import type { DatabaseOptions } from './database/index.js';
import type { DocsModuleOptions } from './openapi.js';
import { createOptions } from './from-environment.js';
import { hardenApp, type HardenOptions } from './harden-app.js';
import { listen } from './listen.js';
import type { PinoLogger } from './observability/index.js';
import { abandonStart, enableGracefulShutdown, prepareStart, type StartupOptions } from './startup.js';

/** @publicApi */
export interface CreateAppOptions extends StartupOptions, Omit<HardenOptions, 'signals' | 'trustProxy'> {
  /** Modules of the application itself, beside those of the suite. */
  imports?: ModuleMetadata['imports'];
  /** Options of the modules. They replace what the environment sets. */
  options?: ModuleOptions;
  /** Modules of the suite that are left out. @default [] */
  without?: readonly ModuleName[];
  /** Where the routes of modules are; false leaves them out. @default where each module has them */
  routes?: BulwarkOptions['routes'];
  /** Migrations of the application. They run after those of the suite. @default [] */
  migrations?: DatabaseOptions['migrations'];
  /** Roles of the application. They extend and override the default roles. */
  roles?: RoleDefinitions;
  /** Audit actions of the application. */
  auditActions?: AuditModuleOptions['actions'];
  /** Whether to keep the exact bytes of every body. `@RawBody()` does so for a route. @default false */
  rawBody?: boolean;
  /** @default no prefix */
  globalPrefix?: string;
  /** @default URI versioning, with version 1 where a route declares none */
  versioning?: VersioningOptions | false;
  /** Options of the OpenAPI document; false leaves it out. */
  docs?: DocsModuleOptions | false;
  /** Changes the application before it listens: pipes, filters, interceptors, middleware. */
  configure?: (app: INestApplication) => void | Promise<void>;
}

/** @publicApi */
export interface CreatedApp {
  app: INestApplication;
  config: AppConfig;
  /** The logger of this library. It writes nothing if the application has its own logger. */
  logger: PinoLogger;
  /** Listens at `HOST` and `PORT`; closes the application where that fails. Answers with what it is bound to. */
  listen: () => Promise<AddressInfo>;
}

const DEFAULT_VERSIONING: VersioningOptions = { type: VersioningType.URI, defaultVersion: '1' };

/**
 * Builds the application, ready to listen, by the steps of `main.ts`.
 *
 * @throws ConfigError, DatabaseUnavailableError
 * @publicApi
 */
export async function createApp(options: CreateAppOptions = {}): Promise<CreatedApp> {
  const { globalPrefix, versioning = DEFAULT_VERSIONING, configure, ...hardening } = options;
  const startup = await prepareStart(options);
  const { config, adapter, nestOptions } = startup;
  const logger: LoggerService = options.logger ?? startup.logger;
  try {
    const module = AppModule.forRoot(collectOptions(config, options), options.imports);
    const app = await NestFactory.create(module, adapter, { ...nestOptions, logger });
    hardenApp(app, { ...hardening, logger, signals: false });
    if (globalPrefix !== undefined) app.setGlobalPrefix(globalPrefix);
    if (versioning) app.enableVersioning(versioning);
    await configure?.(app);
    enableGracefulShutdown(app, startup);
    return { app, config, logger: startup.logger, listen: () => listen(app, config, startup.logger) };
  } catch (error) {
    await abandonStart(startup);
    throw error;
  }
}

function collectOptions(config: AppConfig, options: CreateAppOptions): BulwarkOptions {
  const { docs, migrations, rawBody, roles, routes, auditActions, without = [] } = options;
  const merged = mergeOptions(createOptions(config), { ...options.options, without, ...(routes && { routes }) });
  return mergeOptions(merged, {
    ...(migrations && { database: { migrations: [...(merged.database?.migrations ?? []), ...migrations] } }),
    ...(rawBody !== undefined && { security: { rawBody } }),
    ...(roles && { authorization: { roles: { ...merged.authorization?.roles, ...roles } } }),
    ...(auditActions && { audit: { actions: [...(merged.audit?.actions ?? []), ...auditActions] } }),
    ...(docs === false ? { without: ['docs'] } : { docs }),
  });
}
