import { mkdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EmbeddedPostgresError, explainFailure } from './error.js';
import { DataFolder } from './folder.js';
import { withProcessLock } from './lock.js';
import { requestEnd } from './process.js';
import type { EmbeddedPostgresOptions, EmbeddedPostgresOrigin } from './options.js';
import { ServerManager } from './server.js';

export type { EmbeddedPostgresOptions, EmbeddedPostgresOrigin } from './options.js';
export { EmbeddedPostgresError, type EmbeddedPostgresErrorCode } from './error.js';

/** It is longer than a start and a stop may take. */
const LOCK_TIMEOUT_MS = 120_000;

/**
 * A real PostgreSQL server in the data folder, shared by all processes that use the folder. The process that starts the
 * server is its owner, and stops it for all. If the owner is killed, the server keeps running, and the next process
 * adopts it and becomes its owner.
 *
 * @publicApi
 */
export class EmbeddedPostgres {
  private stopping: Promise<void> | undefined;

  private constructor(
    /**
     * URL of an ordinary role (not a superuser). It owns the database `bulwark`, and may create databases and roles.
     */
    readonly url: string,
    readonly origin: EmbeddedPostgresOrigin,
    private readonly tag: string,
    private readonly close: () => Promise<void>,
  ) {}

  /** @throws EmbeddedPostgresError */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    try {
      await mkdir(options.dataDir, { recursive: true });
      const folder = new DataFolder(await realpath(options.dataDir));
      const manager = new ServerManager(folder, options);
      const withLock = <T>(work: () => Promise<T>) => withProcessLock(folder.file('lock'), LOCK_TIMEOUT_MS, work);
      return await withLock(async () => {
        const { server, origin } = await manager.open();
        const close = () => manager.close(server.tag);
        const url = await manager.prepare(server.port).catch(async (error: unknown) => {
          if (origin !== 'shared') await close();
          throw error;
        });
        options.log?.(`embedded PostgreSQL ${origin} on 127.0.0.1:${server.port}, data in ${folder.cluster}`);
        return new EmbeddedPostgres(url, origin, server.tag, () => withLock(close));
      });
    } catch (error) {
      if (error instanceof EmbeddedPostgresError) throw error;
      const cause = `cannot start in ${resolve(options.dataDir)}`;
      throw explainFailure('EMBEDDED_POSTGRES_START_FAILED', cause, String(error), { cause: error });
    }
  }

  /** Stops the server if this process owns it. The fast shutdown ends open connections and keeps all data. */
  stop(): Promise<void> {
    if (this.origin === 'shared') return Promise.resolve();
    this.stopping ??= this.close();
    return this.stopping;
  }

  /** Asks the server to stop, as {@link stop}, and does not wait. For the end of the process. @internal */
  stopNow(): void {
    if (this.origin !== 'shared') requestEnd(this.tag);
  }
}
