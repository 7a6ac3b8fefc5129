import { Logger } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Column, DataSource, Entity, PrimaryColumn, type MigrationInterface, type QueryRunner } from 'typeorm';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { databaseSettings, migrate, openDataSource, poolOf, type DatabaseOptions } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';
import { built } from '../support/built.js';
import { CertificateAuthority } from '../support/certificates.js';
import { freshDatabase, query } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { TestApp } from '../support/harness.js';
import { amountOf } from '../support/long-form.js';
import { freePort } from '../support/ports.js';
import { Program } from '../support/program.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { tlsPostgres } from '../support/tls-postgres.js';
import { until } from '../support/until.js';

/** Half of them are applications, the others run `nest-bulwark migrate`. */
const PROCESSES = amountOf('MIGRATING_PROCESSES', { short: 4, long: 10 });

@Entity('strays')
class Stray {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;
}

abstract class Irreversible implements MigrationInterface {
  abstract up(runner: QueryRunner): Promise<void>;

  async down(): Promise<void> {}
}

class MakeShops1795000000001 extends Irreversible {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE shops (id int)');
  }
}

class MakeStaff1795000000002 extends Irreversible {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE staff (id int)');
  }
}

class FailAfterAll1795000000002 extends Irreversible {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE staff (id int)');
    await runner.query('INSERT INTO nowhere VALUES (1)');
  }
}

let url: string;
const running: { stop(): Promise<unknown> }[] = [];

beforeAll(built);
beforeEach(async () => {
  Logger.overrideLogger(false);
  url = await freshDatabase();
});
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function stopLater<T extends { stop(): Promise<unknown> }>(one: T): T {
  running.push(one);
  return one;
}

async function start(env: Record<string, string> = {}): Promise<TestApp> {
  return stopLater(await TestApp.start({ DATABASE_URL: url, ...env }));
}

async function open(options: DatabaseOptions): Promise<DataSource> {
  const source = await openDataSource(databaseSettings({ url, ...options }), []);
  stopLater({ stop: () => source.destroy() });
  return source;
}

async function program(script: string, env: Record<string, string>): Promise<Program> {
  const folder = stopLater(await testFolder());
  const secret = 'a secret of the test suite, long enough for HS256';
  const started = new Program(script, { NODE_ENV: 'test', PORT: '0', JWT_SECRET: secret, ...env }, folder.path);
  stopLater({
    stop: () => {
      started.kill('SIGKILL');
      return started.ends();
    },
  });
  return started;
}

async function rows<T>(sql: string, values: unknown[] = []): Promise<T[]> {
  return (await query(url, sql, values)).rows as T[];
}

/** The lines that are logged at a level from now on. */
function linesOf(level: 'log' | 'error'): unknown[] {
  const lines: unknown[] = [];
  const quiet = () => undefined;
  Logger.overrideLogger({ log: quiet, error: quiet, warn: quiet, [level]: (line: unknown) => lines.push(line) });
  return lines;
}

/** Pool connections to the database of this test, without revocation listeners and PostgreSQL's own workers. */
const OF_POOLS = `FROM pg_stat_activity WHERE datname = current_database()
  AND backend_type = 'client backend' AND application_name NOT LIKE '% revocations'`;

/** The pool connections, except the one that runs this query. */
async function connections(): Promise<{ pid: number; application_name: string; query: string }[]> {
  return rows(`SELECT pid, application_name, query ${OF_POOLS} AND pid <> pg_backend_pid()`);
}

/** The connections that the pool holds. The public API of pg-pool has only their number. */
function clientsOf({ app }: TestApp): { processID: number }[] {
  return (poolOf(app.get(DataSource)) as unknown as { _clients: { processID: number }[] })._clients;
}

describe('migrations', () => {
  it('run once when several processes start at the same time on an empty database', { tags: 'long' }, async () => {
    const startEach = (script: string) =>
      Promise.all(Array.from({ length: PROCESSES / 2 }, () => program(script, { DATABASE_URL: url })));
    const [apps, commands] = [await startEach('main.js'), await startEach('cli/main.js migrate')];
    const codes = await Promise.all(commands.map((command) => command.ends()));
    expect(codes).toEqual(codes.map(() => 0));
    for (const app of apps) await app.says('is ready');
    for (const app of apps) app.kill('SIGTERM');
    await Promise.all(apps.map((app) => app.ends()));

    const said = [...apps, ...commands].flatMap(({ output }) => output.match(/migrated: \w+/g) ?? []);
    const names = migrations.map(({ name }) => name);
    expect(said.toSorted()).toEqual(names.map((name) => `migrated: ${name}`).toSorted());
    const applied = await rows<{ name: string }>('SELECT name FROM migrations ORDER BY id');
    expect(applied.map(({ name }) => name)).toEqual(names);
  });

  it('are all rolled back when one fails, and the next start works', async () => {
    const errors = linesOf('error');
    await expect(open({ migrations: [MakeShops1795000000001, FailAfterAll1795000000002] })).rejects.toThrow(
      'relation "nowhere" does not exist',
    );
    expect(errors).toEqual([expect.stringMatching(/^Migration "FailAfterAll1795000000002" failed/)]);
    const tables = await rows(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`);
    expect(tables).toEqual([]);
    const source = await open({ migrations: [MakeShops1795000000001, MakeStaff1795000000002] });
    expect(await source.query('SELECT name FROM migrations ORDER BY id')).toEqual([
      { name: 'MakeShops1795000000001' },
      { name: 'MakeStaff1795000000002' },
    ]);
  });

  it('can take longer than the statement timeout, and other processes wait and log that they wait', async () => {
    await rows(`DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET statement_timeout = 500'; END $$`);
    await expect(rows('SELECT pg_sleep(10)')).rejects.toThrow('statement timeout');
    const lines = linesOf('log');
    /** Runs until the other processes wait. */
    class TakeLong1795000000001 extends Irreversible {
      override async up(runner: QueryRunner): Promise<void> {
        await runner.query('SELECT pg_sleep(0.7)');
        await until('both other processes wait', () => lines.length > 1);
      }
    }
    const settings = databaseSettings({ url, migrations: [TakeLong1795000000001] });
    const done = await Promise.all([migrate(url, settings), migrate(url, settings), migrate(url, settings)]);
    expect(done.flat()).toEqual(['TakeLong1795000000001']);
    expect(lines).toEqual(Array.from({ length: 2 }, () => expect.stringContaining('another process migrates')));
  });

  it('are the only source of tables: an entity without a migration gets no table', async () => {
    const app = stopLater(await TestApp.start({ DATABASE_URL: url }, { imports: [TypeOrmModule.forFeature([Stray])] }));
    const source = app.app.get(DataSource);
    expect(source.hasMetadata(Stray)).toBe(true);
    expect(source.options).toMatchObject({ synchronize: false });
    expect(await app.sql(`SELECT to_regclass('strays') AS found, to_regclass('users') IS NULL AS missing`)).toEqual([
      { found: null, missing: false },
    ]);
  });
});

describe('the pool', () => {
  it('opens its minimum of connections at start, with the name of the application', async () => {
    await open({ poolMin: 3 });
    const names = (await connections()).map(({ application_name: name }) => name);
    expect(names).toEqual(['nest-bulwark', 'nest-bulwark', 'nest-bulwark']);
  });

  it('never opens more connections than its maximum, and returns to its minimum', async () => {
    const source = await open({ poolMin: 2, poolMax: 6 });
    poolOf(source).options.idleTimeoutMillis = 100;
    const count = `SELECT count(*)::int AS open, pg_sleep(0.02) ${OF_POOLS}`;
    const answers = await Promise.all(Array.from({ length: 100 }, () => source.query(count)));
    expect(Math.max(...answers.map(([row]) => row.open as number))).toBe(6);
    await until('the idle connections beyond the minimum are closed', async () => (await connections()).length < 3);
    await source.query('SELECT 1');
    expect(await connections()).toHaveLength(2);
  });

  it('limits the time that a query waits for a connection', async () => {
    const source = await open({ poolMin: 1, poolMax: 1, connectTimeoutMs: 3_000 });
    const runner = source.createQueryRunner();
    await runner.connect();
    await expect(source.query('SELECT 1')).rejects.toThrow('timeout exceeded when trying to connect');
    await runner.release();
    expect(await source.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('ends a statement at its time limit, and keeps the connection', async () => {
    const source = await open({ poolMin: 1, poolMax: 1, statementTimeoutMs: 500 });
    const before = await connections();
    await expect(source.query('SELECT pg_sleep(20)')).rejects.toThrow('canceling statement due to statement timeout');
    await source.query('SELECT 1');
    expect((await connections()).map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
  });

  it('does not apply the connect timeout to a statement when the statement timeout is 0', async () => {
    const source = await open({ statementTimeoutMs: 0, connectTimeoutMs: 3_000 });
    expect(await source.query('SELECT 1 AS one FROM pg_sleep(3.2)')).toEqual([{ one: 1 }]);
  });

  it('ends an idle transaction and releases its locks', async () => {
    const source = await open({ idleInTransactionTimeoutMs: 500, migrations: [MakeShops1795000000001] });
    const runner = source.createQueryRunner();
    await runner.startTransaction();
    await runner.query('LOCK TABLE shops');
    await until(
      'the transaction is ended',
      async () => (await rows(`SELECT FROM pg_locks WHERE relation = 'shops'::regclass`)).length === 0,
    );
    await expect(runner.query('SELECT 1')).rejects.toThrow(
      /[Tt]erminat(ed|ing)|not queryable|Already released|released/,
    );
    await runner.release();
    expect(await source.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('works after the server ends idle and busy connections', async () => {
    const app = await start({ DATABASE_POOL_MIN: '4' });
    const atWork = app.sql('SELECT pg_sleep(20)');
    const failure = atWork.then(
      () => 'none',
      (error: Error) => error.message,
    );
    await until('a query runs', async () => (await connections()).some(({ query }) => query.includes('pg_sleep')));
    const ended = await rows<{ pid: number }>(`SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`);
    expect(await failure).toMatch(/terminating connection|Connection terminated/);
    const isEnded = ({ processID }: { processID: number }) => ended.some(({ pid }) => pid === processID);
    // Background work may open other connections in the meantime.
    await until('the pool has removed the ended connections', () => !clientsOf(app).some(isEnded));
    expect(await app.sql('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const warnings = app.logs.filter(({ context }) => context === 'Database').map(({ msg }) => msg);
    expect(warnings).toContainEqual(expect.stringContaining('an idle connection was lost'));
    expect((await app.get('/health/ready')).status).toBe(200);
  });

  it('closes connections that do not answer, so that later queries get new ones', async () => {
    const proxy = await TcpProxy.to(url);
    await proxy.open();
    stopLater({ stop: () => proxy.close() });
    const source = await open({
      url: proxy.url,
      poolMin: 2,
      poolMax: 2,
      statementTimeoutMs: 500,
      connectTimeoutMs: 3_000,
    });
    proxy.block();
    const lost = await Promise.allSettled([source.query('SELECT 1'), source.query('SELECT 1')]);
    expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    for (let index = 0; index < 4; index++) expect(await source.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('a database that is down at start', () => {
  it('makes the application wait, and the application starts when the database is reachable', async () => {
    const proxy = await TcpProxy.to(url);
    stopLater({ stop: () => proxy.close() });
    const app = await program('main.js', { DATABASE_URL: proxy.url });
    await app.says('cannot be reached (connect ECONNREFUSED');
    await proxy.open();
    await app.says('is ready');
    const tables = await rows<{ tablename: string }>('SELECT tablename FROM pg_tables');
    expect(tables).toContainEqual({ tablename: 'users' });
  });

  it.each(['main.js', 'cli/main.js migrate'])(
    'ends %s with exit code 69 and shows no password if it stays down',
    async (script) => {
      const port = await freePort();
      const address = `postgres://someone:hush@127.0.0.1:${port}/shop`;
      const app = await program(script, { DATABASE_URL: address, DATABASE_START_TIMEOUT: '500ms' });
      expect(await app.ends()).toBe(69);
      expect(app.output).toContain(`The database at 127.0.0.1:${port}/shop could not be reached within 0.5 s`);
      expect(app.output).not.toContain('hush');
      expect(app.output).not.toContain('Retrying');
    },
  );
});

describe('TLS', () => {
  it('is used, and the certificate authority and the host name are checked', async () => {
    const folder = stopLater(await testFolder());
    const [own, other] = ['own', 'other'].map((name) => new CertificateAuthority(folder.path, name));
    if (!own || !other) throw new Error('unreachable');
    const server = stopLater(await tlsPostgres(`${folder.path}/data`, own.issue('localhost')));
    const secure = (host: string, authority: CertificateAuthority) => {
      const address = new URL(server.url);
      address.hostname = host;
      address.search = `sslmode=verify-full&sslrootcert=${authority.certificate}`;
      return address.href;
    };

    const source = await open({ url: secure('localhost', own), migrations: [MakeShops1795000000001] });
    const encrypted = `SELECT bool_and(ssl) AS all FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE backend_type = 'client backend'`;
    expect(await source.query(encrypted)).toEqual([{ all: true }]);
    await expect(open({ url: secure('localhost', other) })).rejects.toThrow(
      /cannot be used: unable to verify the first certificate.*\n {2}→ check sslmode.*sslrootcert/,
    );
    await expect(open({ url: secure('127.0.0.1', own) })).rejects.toThrow(
      /cannot be used: Hostname\/IP does not match/,
    );
  });
});
