import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DataSource, MigrationExecutor, type Logger as TypeOrmLogger } from 'typeorm';
import { tryAdvisoryLock } from './advisory-lock.js';
import { grantToApplication } from './application-role.js';
import type { DatabaseSettings } from './database.options.js';
import { MIGRATIONS_TABLE } from './migrations-table.js';
import { DatabaseUnavailableError } from './reach-database.js';

const INSUFFICIENT_PRIVILEGE = '42501';

const ASK_OWNER = 'run nest-bulwark migrate first, with the login that owns the tables in DATABASE_MIGRATION_URL';

const LOCK_POLL_MS = 50;

/**
 * Runs the migrations that have not run yet, all in one transaction, grants the application what it needs of the tables, and
 * answers with the names of the migrations.
 *
 * The lock belongs to the transaction, not to the session, so that it also holds behind a pooler in transaction mode,
 * and it is tried for instead of waited for, so that no statement timeout cuts the wait short.
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
    logger: failuresOnly,
    extra: { max: 1 },
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

/** TypeORM's own would write to standard output past the application's. It tells here which migration failed. */
const failuresOnly: TypeOrmLogger = {
  logMigration: (message: string) => new Logger('Database').error(message),
  logQuery: () => undefined,
  logQueryError: () => undefined,
  logQuerySlow: () => undefined,
  logSchemaBuild: () => undefined,
  log: () => undefined,
};

/** One try; undefined while another process holds the lock. */
async function tryMigrate(source: DataSource): Promise<string[] | undefined> {
  const runner = source.createQueryRunner();
  try {
    // Whatever the role's default: what the holder of the lock before has committed has to be seen.
    await runner.startTransaction('READ COMMITTED');
    await runner.query('SET LOCAL statement_timeout = 0');
    await runner.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const isMine = await tryAdvisoryLock(runner, 'migrations');
    const done = isMine ? await new MigrationExecutor(source, runner).executePendingMigrations() : undefined;
    if (done) await grantToApplication(runner);
    await runner.commitTransaction();
    return done?.map(({ name }) => name);
  } catch (error) {
    if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
    throw isForbidden(error)
      ? new DatabaseUnavailableError('The database cannot be migrated', ASK_OWNER, error)
      : error;
  } finally {
    await runner.release();
  }
}

function isForbidden(error: unknown): boolean {
  return (error as { driverError?: { code?: string } }).driverError?.code === INSUFFICIENT_PRIVILEGE;
}
