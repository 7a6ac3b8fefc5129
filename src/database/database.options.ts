import type { MixedList } from 'typeorm';

export type MigrationClass = new () => {
  up(queryRunner: never): Promise<void>;
  down(queryRunner: never): Promise<void>;
};

/** @publicApi */
export interface DatabaseOptions {
  /**
   * PostgreSQL URL. Its parameters `sslmode` and `sslrootcert` configure TLS.
   * @default an embedded server in `dataDir`
   */
  url?: string;
  /**
   * Whether an embedded server runs where there is no `url`. It has no replicas, backups or upgrades.
   * @default false if NODE_ENV is `production`, otherwise true
   */
  allowEmbedded?: boolean;
  /** URL of the login that runs the migrations and owns the tables. @default `url` */
  migrationUrl?: string;
  /** Folder of the embedded server. @default '.data' */
  dataDir?: string;
  /**
   * Migration classes of all modules that have tables. They run at start, in the order of their timestamps.
   * @default []
   */
  migrations?: readonly MigrationClass[];
  /** Entities that no module registers with `TypeOrmModule.forFeature`. @default [] */
  entities?: MixedList<new () => unknown>;
  /** Application name in pg_stat_activity. @default 'nest-bulwark' */
  applicationName?: string;
  /** Minimum number of open connections. @default 5 */
  poolMin?: number;
  /** Maximum number of connections. @default 20 */
  poolMax?: number;
  /** Maximum wait for a connection, from the pool or a new one, in milliseconds. @default 5000 */
  connectTimeoutMs?: number;
  /** Maximum duration of one statement, in milliseconds; 0 sets no limit. @default 30000 */
  statementTimeoutMs?: number;
  /** Maximum idle time inside a transaction, in milliseconds; 0 sets no limit. @default 30000 */
  idleInTransactionTimeoutMs?: number;
  /** Maximum wait for the database at start, in milliseconds. @default 30000 */
  startTimeoutMs?: number;
}

export type DatabaseSettings = Required<Omit<DatabaseOptions, 'url' | 'migrationUrl'>> & {
  url: string | undefined;
  migrationUrl: string | undefined;
};

export function databaseSettings(options: DatabaseOptions): DatabaseSettings {
  return Object.freeze({
    url: options.url,
    allowEmbedded: options.allowEmbedded ?? process.env['NODE_ENV'] !== 'production',
    migrationUrl: options.migrationUrl,
    dataDir: options.dataDir ?? '.data',
    migrations: options.migrations ?? [],
    entities: options.entities ?? [],
    applicationName: options.applicationName ?? 'nest-bulwark',
    poolMin: options.poolMin ?? 5,
    poolMax: options.poolMax ?? 20,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    statementTimeoutMs: options.statementTimeoutMs ?? 30_000,
    idleInTransactionTimeoutMs: options.idleInTransactionTimeoutMs ?? 30_000,
    startTimeoutMs: options.startTimeoutMs ?? 30_000,
  });
}
