import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { databaseSettings, migrate } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';
import { freshDatabase, query } from '../support/database.js';
import { TestApp } from '../support/harness.js';
import { PgBouncer } from '../support/pgbouncer.js';

/** Far fewer than the connections that the application opens to PgBouncer. */
const SERVER_CONNECTIONS = 3;
const BOTH_LIMITS = 'statement_timeout,idle_in_transaction_session_timeout';

let url: string;
const running: { stop(): Promise<unknown> }[] = [];

beforeEach(async () => (url = await freshDatabase()));
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function bouncer(settings: Record<string, string | number> = {}): Promise<PgBouncer> {
  const started = await PgBouncer.start(url, { default_pool_size: SERVER_CONNECTIONS, ...settings });
  running.push(started);
  return started;
}

async function start(databaseUrl: string, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await TestApp.start({ DATABASE_URL: databaseUrl, DATABASE_STATEMENT_TIMEOUT: '7s', ...env });
  running.push(app);
  return app;
}

function warnings(app: TestApp): string[] {
  return app.logs.filter(({ level, context }) => level === 'warn' && context === 'Database').map(({ msg }) => msg);
}

/** The state that remains in the shared sessions of PgBouncer. One transaction per session reads it. */
async function sessionState(pooledUrl: string): Promise<string[]> {
  const clients = Array.from({ length: SERVER_CONNECTIONS }, () => new Client({ connectionString: pooledUrl }));
  const sessions = new Set<number>();
  const found: string[] = [];
  for (const client of clients) {
    await client.connect();
    await client.query('BEGIN');
    const { rows } = await client.query<{ pid: number; what: string | null }>(`
      SELECT pg_backend_pid() AS pid, what FROM (SELECT) AS one LEFT JOIN (
        SELECT 'setting ' || name AS what FROM pg_settings WHERE source = 'session' AND name NOT IN
          ('transaction_isolation', 'application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')
        UNION ALL SELECT 'prepared ' || name FROM pg_prepared_statements
        UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable
        UNION ALL SELECT 'listens ' || channel FROM pg_listening_channels() AS channel
        UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
        UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()
      ) AS state ON true`);
    for (const { pid, what } of rows) {
      sessions.add(pid);
      if (what !== null) found.push(what);
    }
  }
  for (const client of clients) {
    await client.query('ROLLBACK');
    await client.end();
  }
  // Each transaction must use a different session. Otherwise a session was not checked.
  expect(sessions.size).toBe(SERVER_CONNECTIONS);
  return found;
}

describe('PgBouncer in transaction mode', () => {
  it('causes a warning if it refuses start-up parameters, and serves many requests', async () => {
    const pooled = (await bouncer()).url;
    const app = await start(pooled);
    expect(warnings(app)).toEqual([
      'The pooler in front of the database does not pass on statement_timeout and idle_in_transaction_session_timeout, ' +
        'and no limit is active. Set it for the role instead: ALTER ROLE … SET statement_timeout = 7000; ' +
        'ALTER ROLE … SET idle_in_transaction_session_timeout = 30000',
    ]);

    const visit = async () => {
      const { email, password } = await app.register();
      const { token, id, refreshToken } = await app.login(email, password);
      const profile = await app.get('/auth/profile', { token });
      expect(profile.body).toMatchObject({ id, email });
      expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(200);
    };
    await Promise.all(Array.from({ length: 25 }, visit));
    expect(await app.sql('SELECT count(*)::int FROM users')).toEqual([{ count: 25 }]);
    expect((await app.get('/health/ready')).status).toBe(200);

    expect(await sessionState(pooled)).toEqual([]);
    const { rows } = await query(
      url,
      `SELECT count(*)::int AS used FROM pg_stat_activity
       WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    expect(rows).toEqual([{ used: SERVER_CONNECTIONS }]);
  });

  it('shows session state if there is some (control for the test above)', async () => {
    const pooled = (await bouncer()).url;
    await query(pooled, 'SET work_mem = 1234; PREPARE leak AS SELECT 1; LISTEN leak');
    expect((await sessionState(pooled)).toSorted()).toEqual(['listens leak', 'prepared leak', 'setting work_mem']);
  });

  it('causes a warning if it ignores start-up parameters', async () => {
    const app = await start((await bouncer({ ignore_startup_parameters: BOTH_LIMITS })).url);
    expect(warnings(app)).toEqual([expect.stringContaining('no limit is active')]);
  });

  it.each<Record<string, string>>([{}, { ignore_startup_parameters: BOTH_LIMITS }])(
    'causes no warning if the database sets the limits, which apply (%o)',
    async (settings) => {
      const database = new URL(url).pathname.slice(1);
      await query(url, `ALTER DATABASE "${database}" SET statement_timeout = '1s'`);
      await query(url, `ALTER DATABASE "${database}" SET idle_in_transaction_session_timeout = '30s'`);
      const app = await start((await bouncer(settings)).url);
      expect(warnings(app)).toEqual([]);
      await expect(app.sql('SELECT pg_sleep(20)')).rejects.toThrow('statement timeout');
    },
  );

  it.each<[string, () => Record<string, string>, string]>([
    ['without Redis', () => ({}), 'each session is read once a second instead'],
    ['with Redis', () => ({ REDIS_URL: inject('redisUrl') }), 'only Redis carries them'],
  ])('causes a warning %s that it cannot carry revocations', async (_how, env, advice) => {
    const app = await start((await bouncer()).url, env());
    const said = app.logs.filter(({ msg }) => msg.includes('cannot carry revocations')).map(({ msg }) => msg);
    expect(said).toEqual([expect.stringContaining(advice)]);
    const { token, refreshToken } = await app.register();
    await app.post('/auth/logout', { refreshToken });
    expect((await app.get('/auth/profile', { token })).status).toBe(401);
  });

  it('runs each migration once, even if all processes share one connection', async () => {
    const pooled = (await bouncer({ default_pool_size: 1 })).url;
    const settings = databaseSettings({ url: pooled, migrations });
    const done = await Promise.all(Array.from({ length: 4 }, () => migrate(pooled, settings)));
    expect(done.flat()).toEqual(migrations.map(({ name }) => name));
    // A lock that remained in the shared session would block every process with a direct connection.
    expect(await migrate(url, settings)).toEqual([]);
  });
});
