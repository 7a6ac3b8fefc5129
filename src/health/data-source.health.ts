import type { HealthContributor, HealthContributorOptions, HealthReport } from '../ports/index.js';
import type { DataSourceCheck } from './health.options.js';

/** A connection pool of `pg`. */
interface ConnectionPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max?: number };
  on(event: 'release', listener: () => void): unknown;
}

/** What the check needs of a `DataSource` of TypeORM, so that this folder does not need TypeORM. */
export interface CheckedDataSource {
  readonly isInitialized: boolean;
  readonly options: { readonly type: string };
  readonly driver: { readonly master?: unknown };
  query(sql: string): Promise<unknown>;
}

/** A pool in which a connection was released within this time is busy and not blocked. */
const RECENT_RELEASE_MS = 1_000;

/** Databases in which a SELECT needs a table. */
const FROM: Readonly<Record<string, string>> = { oracle: ' FROM DUAL', sap: ' FROM DUMMY' };

/**
 * Checks a data source through the pool of the application. If all connections are in use, a query would wait behind the
 * requests, and high load would look like an outage. In that case a recently released connection proves that the
 * database works.
 */
export class DataSourceHealth implements HealthContributor {
  private readonly pool: ConnectionPool | undefined;
  private lastReleaseAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly source: CheckedDataSource) {
    const { master } = source.driver;
    this.pool = isPool(master) ? master : undefined;
    this.pool?.on('release', () => (this.lastReleaseAt = performance.now()));
  }

  /** The key is `database`, or `database-NAME` for a data source with a name. */
  static toContributorOptions(name: string | undefined, check: DataSourceCheck): HealthContributorOptions {
    return {
      key: name === undefined ? 'database' : `database-${name}`,
      critical: check === 'critical',
      groups: check === 'critical' ? ['ready', 'startup', 'full', 'deep'] : ['full', 'deep'],
    };
  }

  async check(): Promise<HealthReport> {
    const { totalCount: connections, idleCount: idle, waitingCount: waiting } = this.pool ?? {};
    const isExhausted = idle === 0 && connections !== undefined && connections >= (this.pool?.options.max ?? Infinity);
    if (isExhausted && performance.now() - this.lastReleaseAt < RECENT_RELEASE_MS) {
      return {
        connections,
        idle,
        waiting,
        degraded: `all ${connections} connections are in use, and ${waiting} requests wait for a connection`,
      };
    }
    await this.source.query(`SELECT 1${FROM[this.source.options.type] ?? ''}`);
    return { connections, idle, waiting };
  }
}

/** Whether a provider is a connected data source of TypeORM that answers `SELECT 1`. */
export function isDataSource(instance: unknown): instance is CheckedDataSource {
  if (typeof instance !== 'object' || instance === null) return false;
  const { isInitialized, entityMetadatas, options, query } = instance as Partial<
    CheckedDataSource & { entityMetadatas: unknown }
  >;
  return (
    isInitialized === true &&
    Array.isArray(entityMetadatas) &&
    typeof query === 'function' &&
    options?.type !== 'mongodb'
  );
}

/**
 * The name of a data source by its token. That of @nestjs/typeorm is the class DataSource, or the name and `DataSource`.
 *
 * @returns undefined for the data source without a name
 */
export function nameOfDataSource(token: unknown): string | undefined {
  const text = typeof token === 'function' ? token.name : typeof token === 'symbol' ? token.description : String(token);
  return text?.replace(/DataSource$/, '') || undefined;
}

function isPool(value: unknown): value is ConnectionPool {
  return typeof value === 'object' && value !== null && 'totalCount' in value && 'on' in value;
}
