import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DataSource, MigrationExecutor, type Logger as TypeOrmLogger } from 'typeorm';
import { tryAdvisoryLock } from './advisory-lock.js';
import { DatabaseClient } from './database-client.js';
import { grantToApplication } from './application-role.js';
import type { DatabaseSettings } from './database.options.js';
import { MIGRATIONS_TABLE } from './migrations-table.js';
import { DatabaseUnavailableError } from './reach-database.js';

const INSUFFICIENT_PRIVILEGE = '42501';

const OWNER_REMEDY = 'run nest-bulwark migrate first, with the login that owns the tables in DATABASE_MIGRATION_URL';

const LOCK_POLL_MS = 50;

/**
 * Runs the pending migrations in one transaction, and grants the application its rights on the tables. Returns the
 * names of the migrations.
 *
 * The lock belongs to the transaction and not to the session, so it also works behind a pooler in transaction mode. The
 * function polls for the lock, because a statement timeout could end a statement that waits for it.
 */
export async function migrate(url: string, settings: DatabaseSettings): Promise<string[]> {
  const source = await new DataSource({
    type: 'postgres',
    url,
    applicationName: `${settings.applicationName}-migrations`,
    migrations: [...settings.migrations] as never[],
    migrationsTableName: MIGRATIONS_TABLE,
    connectTimeoutMS: settings.connectTimeoutMs,
    installExtensions: false,
    logger: migrationLogger,
    extra: { max: 1, Client: DatabaseClient },
  }).initialize();
  try {
    for (let isWaiting = false; ; isWaiting = true) {
      const names = await tryMigrate(source);
      if (names) return names;
      if (!isWaiting) new Logger('Database').log('another process migrates the database; waiting for it');
      await sleep(LOCK_POLL_MS);
    }
  } finally {
    await source.destroy();
  }
}

/** The default logger of TypeORM writes to standard output. This one writes failed migrations to the log of Nest. */
const migrationLogger: TypeOrmLogger = {
  logMigration: (message: string) => new Logger('Database').error(message),
  logQuery: () => undefined,
  logQueryError: () => undefined,
  logQuerySlow: () => undefined,
  logSchemaBuild: () => undefined,
  log: () => undefined,
};

/** Runs the migrations once; returns undefined if another process holds the lock. */
async function tryMigrate(source: DataSource): Promise<string[] | undefined> {
  const runner = source.createQueryRunner();
  try {
    // The role may have another default. READ COMMITTED sees the migrations that the previous lock holder has
    // committed.
    await runner.startTransaction('READ COMMITTED');
    await runner.query('SET LOCAL statement_timeout = 0');
    await runner.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const isAcquired = await tryAdvisoryLock(runner, 'migrations');
    const done = isAcquired ? await new MigrationExecutor(source, runner).executePendingMigrations() : undefined;
    if (done) await grantToApplication(runner);
    await runner.commitTransaction();
    return done?.map(({ name }) => name);
  } catch (error) {
    if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
    throw isForbidden(error)
      ? new DatabaseUnavailableError('The database cannot be migrated', OWNER_REMEDY, error)
      : error;
  } finally {
    await runner.release();
  }
}

function isForbidden(error: unknown): boolean {
  return (error as { driverError?: { code?: string } }).driverError?.code === INSUFFICIENT_PRIVILEGE;
}
