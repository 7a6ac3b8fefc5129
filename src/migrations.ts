import { apiKeysMigrations } from './api-keys/index.js';
import { auditMigrations } from './audit/index.js';
import { authMigrations } from './auth/index.js';
import { idempotencyMigrations } from './idempotency/index.js';
import { periodicTasksMigrations } from './periodic-tasks/index.js';
import { tenantsMigrations } from './tenants/index.js';
import { usersMigrations } from './users/index.js';

/**
 * The migrations of all modules, as the reference application runs them.
 *
 * @publicApi
 */
export const migrations = [
  ...usersMigrations,
  ...authMigrations,
  ...auditMigrations,
  ...tenantsMigrations,
  ...apiKeysMigrations,
  ...idempotencyMigrations,
  ...periodicTasksMigrations,
];
