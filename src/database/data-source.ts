import { Logger } from '@nestjs/common';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { Client, Pool, PoolClient } from 'pg';
import { poolOf } from './database.health.js';
import { databaseServer } from './database.server.js';
import type { DatabaseSettings } from './database.options.js';
import { excessOf, LOGIN_REMEDY, readLogin } from './login.js';
import { migrate } from './migrate.js';
import { MIGRATIONS_TABLE } from './migrations-table.js';
import { reachDatabase, type ServerTimeouts } from './reach-database.js';

/**
 * Brings the database up: starts the embedded server where no URL is given, waits for the server, migrates, opens the
 * pool. Destroying the data source stops the embedded server after the pool, whatever the order of Nest's hooks.
 */
export async function openDataSource(
  settings: DatabaseSettings,
  entities: DataSourceOptions['entities'],
): Promise<DataSource> {
  const logger = new Logger('Database');
  const server = await databaseServer(settings);
  try {
    const timeouts = await reachDatabase(server.url, settings);
    for (const name of await migrate(settings.migrationUrl ?? server.url, settings)) logger.log(`migrated: ${name}`);
    const source = new DataSource({ ...poolOptions(server.url, settings, timeouts, logger), entities });
    const destroy = source.destroy.bind(source);
    source.destroy = async () => {
      await destroy();
      await server.stop();
    };
    await source.initialize();
    await preparePool(poolOf(source), settings.poolMin);
    const excess = excessOf(await readLogin(source));
    if (excess !== undefined) logger.warn(`${excess}: ${LOGIN_REMEDY}`);
    return source;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function poolOptions(url: string, settings: DatabaseSettings, timeouts: ServerTimeouts, logger: Logger) {
  return {
    type: 'postgres',
    url,
    applicationName: settings.applicationName,
    synchronize: false,
    // Known here so that the health check can tell which are pending; they ran before, over a connection of their own.
    migrations: [...settings.migrations] as never[],
    migrationsRun: false,
    migrationsTableName: MIGRATIONS_TABLE,
    // Ids are made by the application, so that no extension has to be installed.
    installExtensions: false,
    connectTimeoutMS: settings.connectTimeoutMs,
    poolErrorHandler: (error: Error) => logger.warn(`an idle connection was lost: ${error.message}`),
    extra: {
      ...timeouts,
      min: settings.poolMin,
      max: settings.poolMax,
      // The server ends a statement at its own limit; this ends the wait for a server that no longer answers at all.
      query_timeout: settings.statementTimeoutMs && settings.statementTimeoutMs + settings.connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    },
  } satisfies DataSourceOptions;
}

async function preparePool(pool: Pool, count: number): Promise<void> {
  pool.on('release', (_error, client) => dropUnanswered(client));
  // pg-pool keeps a minimum but opens connections on demand only. What cannot be opened now is opened then.
  const clients = await Promise.allSettled(Array.from({ length: count }, () => pool.connect()));
  for (const client of clients) if (client.status === 'fulfilled') client.value.release();
}

/**
 * Closes a connection that comes back while the server still owes an answer: `query_timeout` gave up on it. TypeORM does
 * not tell the pool, and the next user would queue behind the dead query.
 */
function dropUnanswered(client: PoolClient): void {
  const { _activeQuery } = client as unknown as { _activeQuery?: unknown };
  if (_activeQuery) void (client as unknown as Client).end();
}
