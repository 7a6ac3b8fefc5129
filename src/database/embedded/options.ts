/** @publicApi */
export interface EmbeddedPostgresOptions {
  /** Folder of the cluster. It is created if it is missing. */
  dataDir: string;
  /**
   * TCP port on 127.0.0.1. A server that already runs keeps its port.
   * @default the port of the last start, or another free port
   */
  port?: number;
  /**
   * Server settings, such as `{ fsync: 'off' }` for temporary test servers. A server that already runs keeps its
   * settings.
   * @default {}
   */
  settings?: Record<string, string>;
  /** Maximum time for the start of the server, including crash recovery, in milliseconds. @default 60000 */
  startTimeoutMs?: number;
  /**
   * Maximum time in which a running server must answer, in milliseconds. After it, the server is replaced.
   * @default 10000
   */
  answerTimeoutMs?: number;
  /** Receives one line for each step. @default none */
  log?: (line: string) => void;
}

/**
 * `started`: this process has started the server. `adopted`: the owner had ended, and this process is the new owner.
 * `shared`: another living process is the owner.
 *
 * @publicApi
 */
export type EmbeddedPostgresOrigin = 'started' | 'adopted' | 'shared';
