import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { freshDatabase, ownDatabase, query } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { freePort } from '../support/ports.js';
import { Program } from '../support/program.js';
import { silentServer, TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const PASSWORD = 'h5Kq2wZt';
const SECRET = randomBytes(48).toString('base64');

/** Longer than the test runs, so that a start that waits for this time does not end. */
const NEVER = '10m';

let folder: Awaited<ReturnType<typeof testFolder>>;
beforeEach(async () => (folder = await testFolder()));
afterEach(() => folder.stop());

const running: Program[] = [];
afterEach(() => {
  for (const program of running.splice(0)) program.kill('SIGKILL');
});

/** Starts a program in an empty folder with a port and a secret, so that it needs only a database. */
function start(env: Record<string, string>, script = 'main.js'): Program {
  const program = new Program(script, { JWT_SECRET: SECRET, PORT: '0', ...env }, folder.path);
  running.push(program);
  return program;
}

/** Counts the ended sessions of a database: all, and those whose client disconnected without a close. */
async function endedSessions(databaseUrl: string): Promise<{ all: number; abandoned: number }> {
  const name = new URL(databaseUrl).pathname.slice(1);
  let row = { open: 1, all: 0, abandoned: 0 };
  await until('the database counts no session as open', async () => {
    const { rows } = await query(
      inject('databaseUrl'),
      `SELECT numbackends AS open, sessions::int AS all, sessions_abandoned::int AS abandoned
         FROM pg_stat_database WHERE datname = $1`,
      [name],
    );
    row = rows[0];
    return row.open === 0;
  });
  return { all: row.all, abandoned: row.abandoned };
}

describe('a bad configuration', () => {
  let way: TcpProxy;
  beforeAll(async () => {
    way = await TcpProxy.to(await ownDatabase());
    await way.open();
  });
  afterAll(() => way.close());

  it.each(['main.js', 'cli/main.js migrate'])(
    'ends %s with exit code 78 and all problems, before any connection is opened',
    async (script) => {
      const wrong = { NODE_ENV: 'production', DATABASE_URL: way.url, JWT_SECRET: 'changeme', JWT_ACCESS_TTL: '15' };
      const refused = start(wrong, script);
      expect(await refused.ends()).toBe(78);
      expect(refused.output).toBe(
        [
          '',
          script === 'main.js' ? 'The application cannot start.' : 'nest-bulwark migrate failed.',
          'The configuration has 2 problems:',
          '  JWT_ACCESS_TTL: "15" has no unit; write one of ms, s, m, h, d, such as 15m',
          '    → correct it, or remove it for 15m. Life of an access token.',
          '  JWT_SECRET: has 8 bytes, fewer than 32; tokens could be forged',
          '    → make one with: openssl rand -base64 48',
          '',
        ].join('\n'),
      );
      expect(way.accepted).toBe(0);
    },
  );

  it('can come from .env, which is read in development and ignored in production', async () => {
    writeFileSync(join(folder.path, '.env'), 'THROTTLE_AUTH_LIMIT=many\n');
    const development = start({});
    expect(await development.ends()).toBe(78);
    expect(development.output).toContain('THROTTLE_AUTH_LIMIT: "many" is not a whole number');

    const production = start({ NODE_ENV: 'production', JWT_SECRET: '' });
    expect(await production.ends()).toBe(78);
    expect(production.output).toContain('JWT_SECRET: is required in production');
    expect(production.output).not.toContain('THROTTLE_AUTH_LIMIT');
  });
});

describe('a port in use', () => {
  let occupant: Server;
  let port: number;
  beforeAll(async () => {
    occupant = createServer().listen(0, '0.0.0.0');
    await once(occupant, 'listening');
    ({ port } = occupant.address() as AddressInfo);
  });
  afterAll(() => void occupant.close());

  it.each(['fastify', 'express'])(
    'ends %s with exit code 71, names the port, and closes the connections cleanly',
    async (adapter) => {
      const database = await ownDatabase();
      const refused = start({ HTTP_ADAPTER: adapter, DATABASE_URL: database, PORT: String(port) });
      expect(await refused.ends()).toBe(71);
      expect(refused.output).toContain(
        `The application cannot start.\nPort ${port} is in use.\n  → stop the process that uses it, or set PORT\n`,
      );
      const { all, abandoned } = await endedSessions(database);
      expect(all).toBeGreaterThan(0);
      expect(abandoned).toBe(0);
    },
  );

  it('stops the embedded database that the start has started', async () => {
    const refused = start({ DATA_DIR: 'data', PORT: String(port) });
    expect(await refused.ends()).toBe(71);
    expect(refused.output).toContain(`Port ${port} is in use.`);
    const cluster = join(folder.path, 'data', 'postgres');
    expect(existsSync(join(cluster, 'PG_VERSION'))).toBe(true);
    expect(existsSync(join(cluster, 'postmaster.pid'))).toBe(false);
  });
});

describe('a database that cannot be used', () => {
  it.each(['main.js', 'cli/main.js migrate'])(
    'ends %s with exit code 69 when nothing listens there, and names the address without its password',
    async (script) => {
      const address = `127.0.0.1:${await freePort()}`;
      const url = `postgres://app:${PASSWORD}@${address}/app`;
      const refused = start({ DATABASE_URL: url, DATABASE_START_TIMEOUT: '1s' }, script);
      expect(await refused.ends()).toBe(69);
      const headline = script === 'main.js' ? 'The application cannot start.' : 'nest-bulwark migrate failed.';
      expect(refused.output).toContain(`${headline}\nThe database at ${address}/app could not be reached`);
      expect(refused.output).toContain('DATABASE_START_TIMEOUT sets how long a start waits');
      expect(refused.output).not.toContain(PASSWORD);
    },
  );

  it('ends the start with exit code 69 when it accepts connections but does not answer', async () => {
    const silent = await silentServer();
    try {
      const url = `postgres://app:${PASSWORD}@127.0.0.1:${silent.port}/app`;
      const refused = start({ DATABASE_URL: url, DATABASE_START_TIMEOUT: '1s', DATABASE_CONNECT_TIMEOUT: NEVER });
      expect(await refused.ends()).toBe(69);
      expect(refused.output).toContain(`The database at 127.0.0.1:${silent.port}/app could not be reached`);
      expect(refused.output).not.toContain(PASSWORD);
    } finally {
      silent.close();
    }
  });

  it.each<[what: string, change: (url: URL) => void, message: string]>([
    ['the password is wrong', (url) => (url.password = PASSWORD), 'password authentication failed'],
    ['there is no such database', (url) => (url.pathname = '/no_such_database'), '"no_such_database" does not exist'],
  ])('ends the start with exit code 69 without waiting when %s', async (_what, change, message) => {
    const url = new URL(await ownDatabase());
    change(url);
    const refused = start({ DATABASE_URL: url.href, DATABASE_START_TIMEOUT: NEVER });
    expect(await refused.ends()).toBe(69);
    expect(refused.output).toContain(`The database at ${url.host}${url.pathname}`);
    expect(refused.output).toContain(message);
    expect(refused.output).toContain('check the user, the password and the database in DATABASE_URL');
    expect(refused.output).not.toContain(url.password);
  });

  it('makes the start wait until it is reachable', async () => {
    const way = await TcpProxy.to(await ownDatabase());
    const patient = start({ DATABASE_URL: way.url, DATABASE_START_TIMEOUT: NEVER });
    await patient.says('cannot be reached');
    await way.open();
    await patient.says('is ready');
    expect(patient.exitCode).toBeUndefined();
    await way.close();
  });
});

describe('a successful start', () => {
  const isReachedAt = (host: string, port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host, port }, () => resolve(true)).on('error', () => resolve(false));
      socket.on('close', () => socket.destroy()).setTimeout(5_000, () => socket.destroy());
      socket.on('connect', () => socket.end());
    });
  const portIn = ({ output }: Program) => Number(/http:\/\/[^:]+:(\d+)\n/.exec(output)?.[1]);

  it.each([
    ['fastify', 'SIGTERM'],
    ['express', 'SIGINT'],
  ] as const)(
    'on %s binds to 127.0.0.1 if NODE_ENV is unset, prints what is open, and closes its connections after %s',
    async (adapter, signal) => {
      const database = await ownDatabase();
      const program = start({ DATABASE_URL: database, HTTP_ADAPTER: adapter });
      await program.says('is ready');
      await program.says('connections without TLS\n');
      const port = portIn(program);
      expect(await isReachedAt('127.0.0.1', port)).toBe(true);
      // Another loopback address stands for an address that other machines reach.
      expect(await isReachedAt('127.0.0.2', port)).toBe(false);
      expect(program.output).toContain('Bound to      127.0.0.1, reached from this machine only (HOST)');
      expect(program.output).toContain('Open, because NODE_ENV is development:');
      expect(program.output).toContain('- /production-test for every account');
      expect(program.output).toContain('- /metrics without a token');
      expect(program.output).toContain('- mails in the log, with their tokens');
      expect(program.output).not.toContain('Other machines reach');
      program.kill(signal);
      expect(await program.ends()).toBe(0);
      expect((await endedSessions(database)).abandoned).toBe(0);
    },
  );

  it('binds to the value of HOST, and warns about it outside production', async () => {
    const database = await ownDatabase();
    const program = start({ DATABASE_URL: database, HOST: '0.0.0.0' });
    await program.says('is ready');
    await program.says('REACHED FROM OTHER MACHINES');
    expect(await isReachedAt('127.0.0.2', portIn(program))).toBe(true);
    await program.says(/Other machines reach 0\.0\.0\.0:\d+, and NODE_ENV is development/);
    // Only a killed process leaves its connections abandoned, so the test above can fail.
    program.kill('SIGKILL');
    await program.ends();
    expect((await endedSessions(database)).abandoned).toBeGreaterThan(0);
  });

  it('binds to every IPv4 address in production, or to the value of HOST', async () => {
    const way = await TcpProxy.to(await ownDatabase());
    await way.open();
    const production = { NODE_ENV: 'production', DATABASE_URL: way.url };
    const open = start(production);
    await open.says('"msg":"listening"');
    const [, host, port] = /"host":"([^"]+)","port":(\d+)/.exec(open.output) ?? [];
    expect(host).toBe('0.0.0.0');
    expect(await isReachedAt('127.0.0.2', Number(port))).toBe(true);
    // So the test of a bad configuration, which counts the connections, can fail.
    expect(way.accepted).toBeGreaterThan(0);

    const closed = start({ ...production, HOST: '127.0.0.3' });
    await closed.says('"msg":"listening"');
    expect(closed.output).toContain('"host":"127.0.0.3"');
    await way.close();
  });
});

describe('the password of the first administrator', () => {
  it.each([
    ['iloveyou2', {}, 'password is one of the most common ones'],
    ['long enough', { PASSWORD_PROFILE: 'strict' }, 'password must have 15 characters or more'],
  ])('must follow the password rules of every account: %s', async (password, env, message) => {
    const refused = start({
      NODE_ENV: 'production',
      DATABASE_URL: await ownDatabase(),
      ADMIN_EMAIL: 'root@example.com',
      ADMIN_PASSWORD: password,
      ...env,
    });
    expect(await refused.ends()).not.toBe(0);
    expect(refused.output).toContain(message);
    expect(refused.output).toContain(
      'set ADMIN_PASSWORD to another password; create one with: openssl rand -base64 18',
    );
    expect(refused.output).not.toContain(password);
  });
});

describe('cli/main.js migrate', () => {
  it('migrates the database, and leaves nothing to do for a second run and for the start of the application', async () => {
    const database = await freshDatabase();
    const first = start({ DATABASE_URL: database }, 'cli/main.js migrate');
    expect(await first.ends()).toBe(0);
    expect(first.output).toMatch(/^(migrated: \w+\n)+$/);
    const { rowCount } = await query(database, 'SELECT * FROM migrations');
    expect(rowCount).toBe(first.output.trim().split('\n').length);

    const second = start({ DATABASE_URL: database }, 'cli/main.js migrate');
    expect(await second.ends()).toBe(0);
    expect(second.output).toBe('Nothing to migrate.\n');

    const application = start({ DATABASE_URL: database });
    await application.says('is ready');
    expect(application.output).not.toContain('migrated: ');
  });

  it('migrates and stops the embedded database if no other database is configured', async () => {
    const program = start({ DATA_DIR: 'data' }, 'cli/main.js migrate');
    expect(await program.ends()).toBe(0);
    expect(program.output).toContain('migrated: ');
    expect(existsSync(join(folder.path, 'data', 'postgres', 'postmaster.pid'))).toBe(false);
  });
});
