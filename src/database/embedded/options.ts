/** @publicApi */
export interface EmbeddedPostgresOptions {
  /** Folder that holds the cluster; made when missing. */
  dataDir: string;
  /**
   * TCP port on 127.0.0.1. A server that already runs keeps its own.
   * @default a free one, the same at later starts as long as it stays free
   */
  port?: number;
  /**
   * Server settings, e.g. `{ fsync: 'off' }` for throw-away test servers. A server that already runs keeps its own.
   * @default {}
   */
  settings?: Record<string, string>;
  /** How long the server may take to start, recovery from a crash included. @default 60000 */
  startTimeoutMs?: number;
  /** How long a server that was left running may take to answer before it is replaced. @default 10000 */
  answerTimeoutMs?: number;
  /** Receives one line for each thing done. @default nothing */
  log?: (line: string) => void;
}

/**
 * `started` by this process, `adopted` from one that died, or `shared` with one that lives.
 *
 * @publicApi
 */
export type EmbeddedPostgresOrigin = 'started' | 'adopted' | 'shared';
