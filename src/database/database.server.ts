import { EmbeddedPostgres } from './embedded/embedded-postgres.js';
import type { DatabaseSettings } from './database.options.js';

const running = new Set<EmbeddedPostgres>();

/** The database server: the one in the settings, or an embedded one. */
export interface DatabaseServer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function databaseServer(settings: DatabaseSettings): Promise<DatabaseServer> {
  if (settings.url !== undefined) return { url: settings.url, stop: () => Promise.resolve() };
  const embedded = await EmbeddedPostgres.start({ dataDir: settings.dataDir });
  running.add(embedded);
  return {
    url: embedded.url,
    stop: async () => {
      running.delete(embedded);
      await embedded.stop();
    },
  };
}

/** Stops embedded servers after a failed start. In that case Nest returns no application that could be closed. */
export async function stopEmbeddedServers(): Promise<void> {
  const servers = [...running];
  running.clear();
  await Promise.all(servers.map((server) => server.stop()));
}
