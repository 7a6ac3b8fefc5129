import { mkdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EmbeddedPostgresError, explainFailure } from './error.js';
import { DataFolder } from './folder.js';
import { withProcessLock } from './lock.js';
import type { EmbeddedPostgresOptions, EmbeddedPostgresOrigin } from './options.js';
import { ServerKeeper } from './server.js';

export type { EmbeddedPostgresOptions, EmbeddedPostgresOrigin } from './options.js';
export { EmbeddedPostgresError, type EmbeddedPostgresErrorCode } from './error.js';

/** Longer than a start and a stop may take. */
const LOCK_TIMEOUT_MS = 120_000;

/**
 * A real PostgreSQL server in the data folder, one for all processes that use the folder. It outlives a process that
 * is killed; the next one adopts it. Its owner, the one that started or adopted it, stops it for all.
 *
 * @publicApi
 */
export class EmbeddedPostgres {
  private stopping: Promise<void> | undefined;

  private constructor(
    /** For an ordinary role (no superuser) that owns the database `bulwark` and may create databases and roles. */
    readonly url: string,
    readonly origin: EmbeddedPostgresOrigin,
    private readonly close: () => Promise<void>,
  ) {}

  /** @throws EmbeddedPostgresError */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    try {
      await mkdir(options.dataDir, { recursive: true });
      const folder = new DataFolder(await realpath(options.dataDir));
      const keeper = new ServerKeeper(folder, options);
      const locked = <T>(work: () => Promise<T>) => withProcessLock(folder.file('lock'), LOCK_TIMEOUT_MS, work);
      return await locked(async () => {
        const { server, origin } = await keeper.open();
        const close = () => keeper.close(server.tag);
        const url = await keeper.prepare(server.port).catch(async (error: unknown) => {
          if (origin !== 'shared') await close();
          throw error;
        });
        options.log?.(`embedded PostgreSQL ${origin} on 127.0.0.1:${server.port}, data in ${folder.cluster}`);
        return new EmbeddedPostgres(url, origin, () => locked(close));
      });
    } catch (error) {
      if (error instanceof EmbeddedPostgresError) throw error;
      const cause = `cannot start in ${resolve(options.dataDir)}`;
      throw explainFailure('EMBEDDED_POSTGRES_START_FAILED', cause, String(error), { cause: error });
    }
  }

  /** Stops the server if this process owns it: a fast shutdown, which ends open connections and keeps all data. */
  stop(): Promise<void> {
    if (this.origin === 'shared') return Promise.resolve();
    this.stopping ??= this.close();
    return this.stopping;
  }
}
