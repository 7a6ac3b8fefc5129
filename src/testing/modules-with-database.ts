/**
 * The modules that need PostgreSQL, for a test without a database:
 * `BulwarkModule.forRoot({ without: MODULES_WITH_DATABASE, idempotency: {} })`.
 *
 * @publicApi
 */
export const MODULES_WITH_DATABASE = ['database', 'auth', 'tenants', 'apiKeys', 'audit', 'productionTest'] as const;
