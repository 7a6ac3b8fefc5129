export { type AdvisoryLockName, takeAdvisoryLocks, tryAdvisoryLock, tryWithAdvisoryLock } from './advisory-lock.js';
export { DatabaseModule } from './database.module.js';
export { type DatabaseOptions } from './database.options.js';
export { EmbeddedPostgres } from './embedded/embedded-postgres.js';
export { EmbeddedPostgresError, type EmbeddedPostgresErrorCode } from './embedded/error.js';
export { type EmbeddedPostgresOptions, type EmbeddedPostgresOrigin } from './embedded/options.js';
export { type DataSourceOption } from './module-data-source.js';
export { DatabaseUnavailableError } from './reach-database.js';
export { DataSourceError } from './required-tables.js';
export { afterCommit, inTransaction, isInTransaction, managerOf, outsideTransaction } from './transaction.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { openDataSource } from './data-source.js';
/** @internal */
export { DatabaseClient } from './database-client.js';
/** @internal */
export { poolOf } from './database.health.js';
/** @internal */
export { databaseSettings } from './database.options.js';
/** @internal */
export { databaseServer, stopEmbeddedServers } from './database.server.js';
/** @internal */
export { type DatabaseLogin, LOGIN_REMEDY, readLogin, readLoginAt } from './login.js';
/** @internal */
export { migrate } from './migrate.js';
/** @internal */
export { MIGRATIONS_TABLE } from './migrations-table.js';
/** @internal */
export {
  InjectModuleDataSource,
  MODULE_DATA_SOURCE,
  provideDataSource,
  type ProvideDataSourceOptions,
} from './module-data-source.js';
/** @internal */
export { type RequiredTables } from './required-tables.js';
/** @internal */
export { reachDatabase } from './reach-database.js';
