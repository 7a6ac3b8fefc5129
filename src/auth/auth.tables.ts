import type { DataSource } from 'typeorm';
import { DataSourceError, type RequiredTables } from '../database/index.js';
import { User, usersMigrations } from '../users/index.js';
import { authMigrations } from './create-auth.migration.js';
import { Session } from './sessions/session.entity.js';

/** Token of the data source of AuthModule, for the modules whose transactions join those of AuthModule. */
export const AUTH_DATA_SOURCE = Symbol('bulwark.authDataSource');

const USERS = { name: 'usersMigrations', from: 'nest-bulwark/users', classes: usersMigrations };
const AUTH = { name: 'authMigrations', from: 'nest-bulwark/auth', classes: authMigrations };

/** @param hasUsers whether the users are in the table `users` */
export function requiredTables(hasUsers: boolean): RequiredTables {
  return {
    module: 'AuthModule',
    entities: hasUsers ? [User, Session] : [Session],
    tables: ['auth_one_time_tokens', 'auth_second_factors', 'auth_recovery_codes', 'mail_outbox'],
    migrations: hasUsers ? [USERS, AUTH] : [AUTH],
  };
}

/**
 * Checks that a module has the data source of AuthModule, because they write in the same transactions.
 *
 * @throws DataSourceError
 */
export function assertDataSourceOfAuth(module: string, source: DataSource, sourceOfAuth: DataSource): void {
  if (source === sourceOfAuth) return;
  throw new DataSourceError(
    `${module} and AuthModule have different data sources, and write in the same transactions`,
    'give both the same option dataSource',
  );
}
