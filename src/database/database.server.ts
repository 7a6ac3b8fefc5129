import { DataSourceError } from './required-tables.js';
import { EmbeddedPostgres } from './embedded/embedded-postgres.js';
import type { DatabaseSettings } from './database.options.js';

const running = new Set<EmbeddedPostgres>();

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** The database server: the one in the settings, or an embedded one. */
export interface DatabaseServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** @throws DataSourceError without a URL where an embedded server is not allowed */
export async function databaseServer(settings: DatabaseSettings): Promise<DatabaseServer> {
  const { url, allowEmbedded, dataDir } = settings;
  if (url !== undefined) return { url, stop: () => Promise.resolve() };
  if (!allowEmbedded) {
    throw new DataSourceError(
      'DatabaseModule has no url, and in production an embedded database must be allowed: it has no replicas, backups or upgrades',
      'add the url of a PostgreSQL server, DatabaseModule.forRoot({ url: process.env.DATABASE_URL }), or allowEmbedded: true',
    );
  }
  const embedded = await EmbeddedPostgres.start({ dataDir });
  stopWithProcess(embedded);
  return {
    url: embedded.url,
    stop: async () => {
      forget(embedded);
      await embedded.stop();
    },
  };
}

/** Stops embedded servers after a failed start. In that case Nest returns no application that could be closed. */
export async function stopEmbeddedServers(): Promise<void> {
  const servers = [...running];
  for (const server of servers) forget(server);
  await Promise.all(servers.map((server) => server.stop()));
}

/**
 * The server is a process of its own, which would outlive this one: after a failed start, an uncaught error or a signal
 * in an application without shutdown hooks.
 */
function stopWithProcess(server: EmbeddedPostgres): void {
  running.add(server);
  if (running.size > 1) return;
  process.on('exit', stopNow);
  // Before other listeners: a listener of `once()` is not counted any more after its call.
  for (const signal of SIGNALS) process.prependListener(signal, endBySignal);
}

function forget(server: EmbeddedPostgres): void {
  running.delete(server);
  if (running.size === 0) removeListeners();
}

function stopNow(): void {
  for (const server of running) server.stopNow();
}

/** Without another listener the signal ends the process, as it would without this one. */
function endBySignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  stopNow();
  removeListeners();
  process.kill(process.pid, signal);
}

function removeListeners(): void {
  process.removeListener('exit', stopNow);
  for (const signal of SIGNALS) process.removeListener(signal, endBySignal);
}
