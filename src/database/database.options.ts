import type { MixedList } from 'typeorm';

type MigrationClass = new () => { up(queryRunner: never): Promise<void>; down(queryRunner: never): Promise<void> };

/** @publicApi */
export interface DatabaseOptions {
  /** PostgreSQL URL, TLS by `sslmode` and `sslrootcert`. @default an embedded server under `dataDir` */
  url?: string;
  /** URL of the login that migrates and owns the tables, where that is another one. @default `url` */
  migrationUrl?: string;
  /** Folder of the embedded server. @default '.data' */
  dataDir?: string;
  /** Migration classes of every module that keeps tables, run at start in the order of their time stamps. */
  migrations?: readonly MigrationClass[];
  /** Entities beyond those that modules register by `TypeOrmModule.forFeature`. */
  entities?: MixedList<new () => unknown>;
  /** Shown in pg_stat_activity. @default 'nest-bulwark' */
  applicationName?: string;
  /** Connections kept open when idle. @default 5 */
  poolMin?: number;
  /** Connections at most. @default 20 */
  poolMax?: number;
  /** Wait for a connection, from the pool or a new one, in milliseconds. @default 5000 */
  connectTimeoutMs?: number;
  /** Longest run of one statement, in milliseconds; 0 sets no limit. @default 30000 */
  statementTimeoutMs?: number;
  /** Longest pause inside a transaction, in milliseconds; 0 sets no limit. @default 30000 */
  idleInTransactionTimeoutMs?: number;
  /** How long a start waits for the database before it gives up, in milliseconds. @default 30000 */
  startTimeoutMs?: number;
}

export type DatabaseSettings = Required<Omit<DatabaseOptions, 'url' | 'migrationUrl'>> & {
  url: string | undefined;
  migrationUrl: string | undefined;
};

export function databaseSettings(options: DatabaseOptions): DatabaseSettings {
  return Object.freeze({
    url: options.url,
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
