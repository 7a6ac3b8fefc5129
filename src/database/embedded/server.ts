import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { chooseAccount, findBinaries, launch } from './binaries.js';
import { EmbeddedPostgresError, explainFailure } from './error.js';
import { DataFolder, type PidFile } from './folder.js';
import { endProcess, processTag, servesCluster, tagIsAlive } from './process.js';
import type { EmbeddedPostgresOptions, EmbeddedPostgresOrigin } from './options.js';

type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** Messages of PostgreSQL while the server of a killed process is starting or stopping. */
const OTHER_SERVER_IN_TRANSITION = /postmaster\.pid" already exists|is still in use/;

/** Finds, starts and ends the server of a data folder. The caller must hold the lock of the folder. */
export class ServerManager {
  private readonly answerTimeoutMs: number;

  constructor(
    private readonly folder: DataFolder,
    private readonly options: EmbeddedPostgresOptions,
  ) {
    this.answerTimeoutMs = options.answerTimeoutMs ?? 10_000;
  }

  async open(): Promise<{ server: PidFile; origin: EmbeddedPostgresOrigin }> {
    const deadline = Date.now() + (this.options.startTimeoutMs ?? 60_000);
    for (;;) {
      const found = await this.find();
      const running = found && (await this.waitForRunningServer(found, deadline));
      if (running !== undefined && (await this.folder.hasOwner())) return { server: running, origin: 'shared' };
      try {
        const server = running ?? (await this.start(deadline));
        await this.folder.setOwner();
        return { server, origin: running === undefined ? 'started' : 'adopted' };
      } catch (error) {
        if (!this.isTransient(error) || Date.now() > deadline) throw error;
        await sleep(200);
      }
    }
  }

  /** Creates the role and the database if they are missing, and returns their URL. */
  async prepare(port: number): Promise<string> {
    // It is derived with HMAC, so the role's password does not reveal the superuser's password.
    const password = createHmac('sha256', await this.folder.password())
      .update('bulwark')
      .digest('base64url');
    await this.asSuperuser(port, async (query) => {
      if ((await query(`SELECT 1 FROM pg_roles WHERE rolname = 'bulwark'`)).length === 0) {
        await query(`CREATE ROLE bulwark LOGIN CREATEDB CREATEROLE PASSWORD '${password}'`);
      }
      if ((await query(`SELECT 1 FROM pg_database WHERE datname = 'bulwark'`)).length === 0) {
        await query('CREATE DATABASE bulwark OWNER bulwark');
      }
    });
    return `postgres://bulwark:${password}@127.0.0.1:${port}/bulwark`;
  }

  /** Ends the server if it still has this tag. After a crash, another process may have started a new server. */
  async close(tag: string): Promise<void> {
    if ((await this.find())?.tag !== tag) return;
    await this.end(tag, 'fast');
    await this.folder.clearOwner();
    this.options.log?.('embedded PostgreSQL stopped');
  }

  private async find(): Promise<PidFile | undefined> {
    const server = await this.folder.readPidFile();
    if (server === undefined) return undefined;
    if (server.tag !== '' && servesCluster(server.pid, this.folder.cluster) !== false) return server;
    // The pid belongs to another process or to a zombie. PostgreSQL would treat it as a running server and refuse to
    // start. If processes of a dead server still run, PostgreSQL detects them by their shared memory.
    await this.folder.removePidFile();
    return undefined;
  }

  /** Waits until a running server answers, and returns it. A server that does not answer is ended. */
  private async waitForRunningServer(found: PidFile, deadline: number): Promise<PidFile | undefined> {
    const server = await this.waitUntilReady(found.tag, deadline);
    if (server !== undefined && (await this.answers(server))) return server;
    if (!tagIsAlive(found.tag)) return undefined;
    if ((await this.folder.hasOwner()) || servesCluster(found.pid, this.folder.cluster) === undefined) {
      throw new EmbeddedPostgresError(
        'EMBEDDED_POSTGRES_UNRESPONSIVE',
        `the server with pid ${found.pid} does not answer, and another process may be using it`,
        'end the application that started it, then the server, and start again',
      );
    }
    this.options.log?.(`embedded PostgreSQL with pid ${found.pid} does not answer and is replaced`);
    await this.end(found.tag, 'immediate');
    return undefined;
  }

  private async start(deadline: number): Promise<PidFile> {
    const { folder, options } = this;
    const binaries = await findBinaries();
    const account = await chooseAccount(binaries, folder.path, folder.cluster);
    // With `fsync: 'off'`, initdb does not sync either, which makes the first start faster.
    await folder.initialise(binaries.initdb, account, options.settings?.fsync === 'off' ? ['--no-sync'] : []);
    const port = await folder.choosePort(options.port);
    const fixed = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', logging_collector: 'off' };
    const settings = Object.entries({ ...options.settings, ...fixed }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]);

    const log = await folder.openLog();
    try {
      const { size: logStart } = await log.stat();
      // Ctrl-C in a terminal reaches the whole process group. A detached server keeps running while the application
      // drains.
      const stdio = { detached: true, stdio: ['ignore', log.fd, log.fd] as ['ignore', number, number] };
      const child = launch(account, binaries.postgres, ['-D', folder.cluster, ...settings], stdio);
      await once(child, 'spawn').catch((error: Error) => {
        const remedy = 'use a platform with glibc (not Alpine), or set DATABASE_URL';
        throw new EmbeddedPostgresError('EMBEDDED_POSTGRES_BINARIES', error.message, remedy, { cause: error });
      });
      child.unref();
      const tag = processTag(child.pid ?? 0) ?? '';
      const server = await this.waitUntilReady(tag, deadline);
      if (server === undefined) throw await this.startFailure(tag, log, logStart);
      await folder.savePort(port);
      return server;
    } finally {
      await log.close();
    }
  }

  private async startFailure(tag: string, log: FileHandle, logStart: number): Promise<EmbeddedPostgresError> {
    const cause = tagIsAlive(tag) ? 'the server was not ready in time' : 'the server did not start';
    await this.end(tag, 'fast');
    const { size } = await log.stat();
    const { buffer } = await log.read(Buffer.alloc(size - logStart), 0, size - logStart, logStart);
    return explainFailure('EMBEDDED_POSTGRES_START_FAILED', cause, buffer.toString('utf8'));
  }

  private isTransient(error: unknown): boolean {
    if (!(error instanceof EmbeddedPostgresError)) return false;
    const portLost = error.code === 'EMBEDDED_POSTGRES_PORT_TAKEN' && this.options.port === undefined;
    return portLost || OTHER_SERVER_IN_TRANSITION.test(error.message);
  }

  private async waitUntilReady(tag: string, deadline: number): Promise<PidFile | undefined> {
    for (;;) {
      const server = await this.folder.readPidFile();
      if (!tagIsAlive(tag)) return undefined;
      if (server?.tag === tag && server.status === 'ready') return server;
      if (Date.now() > deadline) return undefined;
      await sleep(10);
    }
  }

  private async answers({ pid, tag, port }: PidFile): Promise<boolean> {
    const deadline = Date.now() + this.answerTimeoutMs;
    while (tagIsAlive(tag) && Date.now() < deadline) {
      try {
        const [row] = await this.asSuperuser(port, (query) => query('SHOW data_directory'));
        const { cluster } = this.folder;
        return servesCluster(pid, cluster) ?? resolve(String(row?.data_directory)) === cluster;
      } catch (error) {
        if (error instanceof EmbeddedPostgresError) throw error;
        await sleep(100);
      }
    }
    return false;
  }

  private async asSuperuser<T>(port: number, work: (query: Query) => Promise<T>): Promise<T> {
    const login = { user: 'postgres', password: await this.folder.password(), database: 'postgres', ssl: false };
    const limits = { connectionTimeoutMillis: this.answerTimeoutMs, query_timeout: this.answerTimeoutMs };
    const client = new Client({ host: '127.0.0.1', port, ...login, ...limits });
    client.on('error', () => undefined); // An error of the connection also rejects the query.
    try {
      await client.connect();
      return await work(async (sql) => (await client.query<Record<string, unknown>>(sql)).rows);
    } catch (error) {
      if ((error as { code?: unknown }).code !== '28P01') throw error;
      throw new EmbeddedPostgresError(
        'EMBEDDED_POSTGRES_PASSWORD',
        `the server refuses the password in ${this.folder.file('password')}`,
        `restore the password file of ${this.folder.cluster}, or delete that folder to start with an empty database`,
        { cause: error },
      );
    } finally {
      await client.end();
    }
  }

  private async end(tag: string, how: 'fast' | 'immediate'): Promise<void> {
    if (await endProcess(tag, how)) return;
    throw new EmbeddedPostgresError(
      'EMBEDDED_POSTGRES_UNRESPONSIVE',
      `the server with pid ${Number.parseInt(tag, 10)} does not end`,
      'end it manually; it may belong to another user, or its disk may not respond',
    );
  }
}
