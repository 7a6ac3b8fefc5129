import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditMaintenance, AuditSealer, AuditVerifier } from '../../src/audit/index.js';
import { enableTenantIsolation, TenantScope } from '../../src/tenants/index.js';
import { databaseSettings, migrate } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';
import { built } from '../support/built.js';
import { query } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { TestApp } from '../support/harness.js';
import { Program } from '../support/program.js';
import { superuserPostgres, type SuperuserPostgres } from '../support/superuser-postgres.js';

const run = promisify(execFile);
const ROLES = new URL('../../deploy/postgres/roles.sql', import.meta.url);
const OLD_POSTGRES = '/usr/lib/postgresql/15/bin';
const [OWNER, APP] = ['a password of the owner', 'a password of the application'];

class CreateNotes1900000000000 {
  async up(runner: QueryRunner) {
    await runner.query('CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, text text)');
    await enableTenantIsolation(runner, 'notes');
  }
  async down() {}
}

const versions: [name: string, folder: string | undefined][] = [
  ['the embedded PostgreSQL', undefined],
  ...(existsSync(OLD_POSTGRES) ? [['PostgreSQL 15', OLD_POSTGRES] satisfies [string, string]] : []),
];

describe.each(versions)('the roles of deploy/postgres on %s', (_name, folder) => {
  let server: SuperuserPostgres;
  let appUrl: string;
  let ownerUrl: string;
  let app: TestApp;
  let digests: Awaited<ReturnType<typeof testFolder>>;
  const admin = { ADMIN_EMAIL: 'admin@example.com', ADMIN_PASSWORD: 'keeps the keys of the house' };

  beforeAll(async () => {
    built();
    server = await superuserPostgres(folder);
    const script = await readFile(ROLES, 'utf8');
    const settings = `SET bulwark.owner_password = '${OWNER}'; SET bulwark.app_password = '${APP}';`;
    await query(server.superuserUrl, settings + script);
    // The script can run twice.
    await query(server.superuserUrl, settings + script);
    [ownerUrl, appUrl] = [server.urlOf('bulwark_owner', OWNER), server.urlOf('bulwark_app', APP)];
    const urls = { DATABASE_URL: appUrl, DATABASE_MIGRATION_URL: ownerUrl };
    const job = new Program('cli/main.js', urls, undefined, ['migrate']);
    if ((await job.ends()) !== 0) throw new Error(job.output);
    digests = await testFolder();
    const audit = { AUDIT_SEAL_SECRET: 'a secret of the seals', AUDIT_DIGEST_DIR: digests.path };
    app = await TestApp.start({ DATABASE_URL: appUrl, ...audit, ...admin });
  });
  afterAll(async () => {
    await app?.stop();
    await server?.stop();
    await digests?.stop();
  });

  it('give the application an ordinary login', async () => {
    const { rows } = await query(
      appUrl,
      `SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, has_database_privilege(current_database(), 'CREATE') AS creates,
         has_schema_privilege('public', 'CREATE') AS "createsTables"
       FROM pg_roles WHERE rolname = current_user`,
    );
    expect(rows).toEqual([
      {
        rolsuper: false,
        rolbypassrls: false,
        rolcreaterole: false,
        rolcreatedb: false,
        creates: false,
        createsTables: false,
      },
    ]);
  });

  it.each([
    'CREATE SCHEMA mine',
    'CREATE TABLE mine (id int)',
    'ALTER TABLE audit_events DISABLE TRIGGER USER',
    'ALTER TABLE audit_events NO FORCE ROW LEVEL SECURITY',
    'DROP TABLE audit_digests',
    'TRUNCATE audit_events',
    'UPDATE audit_log SET id = gen_random_uuid()',
    'DELETE FROM audit_digests',
    `INSERT INTO migrations (timestamp, name) VALUES (1, 'Mine1')`,
    'SET ROLE bulwark_owner',
  ])('do not let the login of the application run: %s', async (statement) => {
    await expect(query(appUrl, statement)).rejects.toThrow(/permission denied|must be owner/);
  });

  it('let the application use accounts, tenants and the audit trail', async () => {
    const user = await app.register();
    const { token } = await app.login(user.email, user.password);
    expect((await app.get('/auth/profile', { token })).status).toBe(200);
    expect((await app.post('/auth/login', { email: user.email, password: 'wrong' })).status).toBe(401);
    const operator = await app.login(admin.ADMIN_EMAIL, admin.ADMIN_PASSWORD);
    const made = await app.post('/admin/tenants', { name: 'Acme', ownerId: user.id }, { token: operator.token });
    expect([made.status, made.text]).toEqual([201, expect.any(String)]);
    await app.auditOf('-');
    await app.app.get(AuditSealer).seal();
    const events = await app.get('/audit/events?action=auth.failed_login', { token: operator.token });
    expect(events.body.events).toHaveLength(1);
    const { status, body } = await app.get('/audit/verify', { token: operator.token });
    expect([status, body]).toEqual([200, expect.objectContaining({ valid: true })]);
    expect((await app.app.get(AuditVerifier).verify()).verified).toBeGreaterThan(3);
  });

  it('limit the transactions of a tenant to its rows', async () => {
    await migrate(ownerUrl, databaseSettings({ migrations: [...migrations, CreateNotes1900000000000] }));
    const [mine, other] = [randomUUID(), randomUUID()];
    const scope = app.app.get(TenantScope);
    const notes = (tenantId: string) =>
      scope.runFor(tenantId, (manager) => manager.query('SELECT text FROM notes') as Promise<{ text: string }[]>);
    await scope.runFor(mine, (manager) => manager.query(`INSERT INTO notes (id, text) VALUES (1, 'mine')`));
    expect([await notes(mine), await notes(other)]).toEqual([[{ text: 'mine' }], []]);
    expect((await query(appUrl, 'SELECT * FROM notes')).rows).toEqual([]);
  });

  it('hide all audit events from a statement without a scope', async () => {
    expect((await query(appUrl, 'SELECT count(*)::int FROM audit_events')).rows).toEqual([{ count: 0 }]);
  });

  it('let only the owner create partitions, and maintenance reports missing ones', async () => {
    const maintenance = app.app.get(AuditMaintenance);
    await maintenance.run();
    expect([...maintenance.failures]).toEqual([]);
    const inTwoYears = new Date(Date.now() + 2 * 365 * 86_400_000);
    await maintenance.run(inTwoYears);
    expect(maintenance.failures.get('partitions')).toMatch(/are missing: run nest-bulwark migrate/);
    await maintenance.run();
  });

  it('pass the health check and the self-test', async () => {
    const operator = await app.login(admin.ADMIN_EMAIL, admin.ADMIN_PASSWORD);
    const health = await app.get('/health', { token: operator.token });
    expect(health.body.details['database-login'] ?? health.body.info['database-login']).toMatchObject({ status: 'up' });
    const test = await app.get('/production-test/config.database-login', { token: operator.token });
    expect(test.body).toMatchObject({ status: 'pass' });
    expect(app.logs.filter(({ msg }) => /superuser|row-level security/.test(String(msg)))).toEqual([]);
  });

  it('refuse a migration by the application and name the setting for the owner', async () => {
    class AddThings1900000000000 {
      async up(runner: { query(sql: string): Promise<unknown> }) {
        await runner.query('CREATE TABLE things (id int)');
      }
      async down() {}
    }
    const settings = databaseSettings({ migrations: [...migrations, AddThings1900000000000] });
    await expect(migrate(appUrl, settings)).rejects.toThrow(/DATABASE_MIGRATION_URL/);
  });

  it('cause warnings about a superuser in the log, in health and in the self-test', async () => {
    const other = await TestApp.start({ DATABASE_URL: server.superuserUrl });
    expect(other.logs).toContainEqual(
      expect.objectContaining({ level: 'warn', msg: expect.stringContaining('"postgres" is a superuser') }),
    );
    const health = await other.get('/health');
    expect(JSON.stringify(health.body)).toContain('"database-login":{"status":"degraded"');
    const test = await other.get('/production-test/config.database-login');
    expect(test.body).toMatchObject({ status: 'warn' });
    await other.stop();
  });
});

describe.runIf(existsSync('/usr/bin/psql'))('deploy/postgres/roles.sql', () => {
  it('runs in psql and takes the passwords from settings', async () => {
    const server = await superuserPostgres();
    const PGOPTIONS = '-c bulwark.owner_password=owner -c bulwark.app_password=app';
    const args = ['--no-psqlrc', '--set', 'ON_ERROR_STOP=1', '--file', ROLES.pathname, server.superuserUrl];
    await run('/usr/bin/psql', args, { env: { PGOPTIONS } });
    const { rows } = await query(server.urlOf('bulwark_app', 'app'), 'SELECT current_user AS name');
    expect(rows).toEqual([{ name: 'bulwark_app' }]);
    await server.stop();
  });
});
