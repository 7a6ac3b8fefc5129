import { Logger } from '@nestjs/common';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { Client, Pool, PoolClient } from 'pg';
import { DatabaseClient } from './database-client.js';
import { poolOf } from './database.health.js';
import { databaseServer } from './database.server.js';
import type { DatabaseSettings } from './database.options.js';
import { excessOf, LOGIN_REMEDY, readLogin } from './login.js';
import { migrate } from './migrate.js';
import { MIGRATIONS_TABLE } from './migrations-table.js';
import { reachDatabase, type ServerTimeouts } from './reach-database.js';

/**
 * Starts the embedded server if no URL is given, waits for the server, runs the migrations and opens the pool. The
 * `destroy()` of the data source closes the pool and then stops the embedded server. The order of Nest's hooks does not
 * matter.
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
    // The health check needs the list to find pending migrations. They have already run, on another connection.
    migrations: [...settings.migrations] as never[],
    migrationsRun: false,
    migrationsTableName: MIGRATIONS_TABLE,
    // The application creates the ids, so no extension is needed.
    installExtensions: false,
    connectTimeoutMS: settings.connectTimeoutMs,
    poolErrorHandler: (error: Error) => logger.warn(`an idle connection was lost: ${error.message}`),
    extra: {
      ...timeouts,
      Client: DatabaseClient,
      min: settings.poolMin,
      max: settings.poolMax,
      // The server ends a long statement itself. This limit is for a server that does not answer any more.
      query_timeout: settings.statementTimeoutMs && settings.statementTimeoutMs + settings.connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    },
  } satisfies DataSourceOptions;
}

async function preparePool(pool: Pool, count: number): Promise<void> {
  pool.on('release', (_error, client) => closeIfQueryIsActive(client));
  // pg-pool keeps `min` connections open, but opens them only on demand. If opening fails here, it happens on demand.
  const clients = await Promise.allSettled(Array.from({ length: count }, () => pool.connect()));
  for (const client of clients) if (client.status === 'fulfilled') client.value.release();
}

/**
 * Closes a released connection that still has an active query, because the query has exceeded `query_timeout`. TypeORM
 * does not report this to the pool, and the next query on the connection would wait for the old one.
 */
function closeIfQueryIsActive(client: PoolClient): void {
  const { _activeQuery } = client as unknown as { _activeQuery?: unknown };
  if (_activeQuery) void (client as unknown as Client).end();
}
