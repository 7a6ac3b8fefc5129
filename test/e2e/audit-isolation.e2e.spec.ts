import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, inject } from 'vitest';
import { AuditReader, AuditScope } from '../../src/audit/index.js';
import { AuditApp } from '../support/audit-app.js';
import { freshDatabase, query } from '../support/database.js';

const OPTIONS = { sealIntervalMs: 0, maintenanceIntervalMs: 0 };

/** Runs a statement as one of the roles, like an attacker who controls the connection. */
const as = (url: string, role: string, sql: string, tenant = '') =>
  query(url, `BEGIN; SET LOCAL ROLE ${role}; SELECT set_config('app.tenant_id', '${tenant}', true); ${sql}; COMMIT`);

describe('row-level security', () => {
  let url: string;
  let app: AuditApp;
  beforeAll(async () => {
    url = await freshDatabase();
    app = await AuditApp.start(url, OPTIONS);
    await app.sealed(['of a'], 'a');
    await app.sealed(['of b'], 'b');
    await app.sealed(['of nobody']);
  });
  afterAll(() => app.stop());

  const targetsSeen = (visibility: 'all' | { tenant: string }) =>
    app.get(AuditScope).read(visibility, async (manager) => {
      const rows = (await manager.query('SELECT target FROM audit_events ORDER BY id')) as { target: string }[];
      return rows.map(({ target }) => target);
    });

  it('shows a tenant only its own events, even if the query names another tenant', async () => {
    expect(app.get(AuditScope).isolation).toEqual({ writer: true, readers: true, bypass: false });
    expect(await targetsSeen({ tenant: 'a' })).toEqual(['of a']);
    expect(await targetsSeen({ tenant: '' })).toEqual([]);
    expect(await targetsSeen('all')).toEqual(['of a', 'of b', 'of nobody']);
    const page = await app.get(AuditReader).page({ tenant: 'b' }, 10, undefined, { tenant: 'a' });
    expect(page.events).toEqual([]);
  });

  it('hides all rows of tenant tables from the login until it sets a scope', async () => {
    const tables = ['audit_events', 'audit_seals', 'audit_idempotency', 'audit_digests', 'audit_events_default'];
    for (const table of tables) expect((await query(url, `SELECT FROM ${table}`)).rowCount).toBe(0);
    const { rows } = await query(
      url,
      `SELECT c.relname FROM pg_class c WHERE c.relname LIKE 'audit\\_%' AND c.relkind IN ('r', 'p')
         AND c.relnamespace = current_schema()::regnamespace AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
       ORDER BY 1`,
    );
    // These tables contain no tenant data.
    expect(rows.map(({ relname }) => relname as string)).toEqual([
      'audit_batches',
      'audit_log',
      'audit_sink_positions',
    ]);
  });

  it('resets the role before a connection returns to the pool', async () => {
    await targetsSeen({ tenant: 'a' });
    const { rows } = await query(url, 'SELECT current_user AS now, session_user AS login');
    expect(rows[0]?.now).toBe(rows[0]?.login);
    await Promise.all(Array.from({ length: 5 }, () => targetsSeen({ tenant: 'a' })));
    const again = await app.sql('SELECT current_user::text AS now, session_user::text AS login');
    expect(again[0].now).toBe(again[0].login);
  });

  it.each([
    ['bulwark_audit_writer', `UPDATE audit_events SET action = 'x'`],
    ['bulwark_audit_writer', 'DELETE FROM audit_events'],
    ['bulwark_audit_writer', 'SELECT metadata FROM audit_events'],
    ['bulwark_audit_writer', 'SELECT * FROM audit_seals'],
    ['bulwark_audit_writer', 'INSERT INTO audit_seals SELECT * FROM audit_seals'],
    ['bulwark_audit_writer', 'TRUNCATE audit_unsealed'],
    ['bulwark_audit_writer', 'CREATE TABLE of_the_writer ()'],
    ['bulwark_audit_reader', 'DELETE FROM audit_events'],
    ['bulwark_audit_reader', 'SELECT * FROM audit_events_default'],
    ['bulwark_audit_reader', `SELECT audit_append('[]')`],
    ['bulwark_audit_auditor', `UPDATE audit_events SET action = 'x'`],
    ['bulwark_audit_auditor', 'SELECT * FROM audit_checkpoints'],
  ])('does not let %s run: %s', async (role, statement) => {
    await expect(as(url, role, statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('limits the reader role to its tenant even if it sets the scope to all', async () => {
    const results = (await as(
      url,
      'bulwark_audit_reader',
      `SELECT set_config('app.audit_scope', 'all', true); SELECT target FROM audit_events`,
      'a',
    )) as unknown as { rows: unknown[] }[];
    expect(results.map(({ rows }) => rows)).toContainEqual([{ target: 'of a' }]);
  });

  it('uses an index to find a target in the events of all tenants', async () => {
    const plan = await app.get(AuditScope).read('all', async (manager) => {
      await manager.query('SET LOCAL enable_seqscan = off');
      return manager.query(`EXPLAIN SELECT id FROM audit_events WHERE targets @> ARRAY['of a']`);
    });
    expect(JSON.stringify(plan)).toMatch(/Bitmap Index Scan on audit_events_(?:default_)?targets_idx/);
  });
});

describe('a login that cannot create roles', () => {
  it('works without the roles, reports it, and uses them once an administrator has created them', async () => {
    const server = inject('databaseUrl');
    const name = `weak_${randomUUID().slice(0, 8)}`;
    await query(server, `CREATE ROLE ${name} LOGIN PASSWORD '${name}'`);
    await query(server, `GRANT ${name} TO CURRENT_USER WITH SET TRUE`);
    await query(server, `CREATE DATABASE ${name} OWNER ${name}`);
    const url = new URL(server);
    Object.assign(url, { pathname: `/${name}`, username: name, password: name });
    const weak = await AuditApp.start(url.href, OPTIONS);
    expect(weak.get(AuditScope).isolation).toEqual({ writer: false, readers: false, bypass: false });
    await weak.sealed(['of a'], 'a');
    await weak.sealed(['of b'], 'b');
    expect(await weak.verifier.verify()).toMatchObject({ valid: true, verified: 2 });
    const page = async (app: AuditApp) => (await app.get(AuditReader).page({}, 10, undefined, { tenant: 'a' })).events;
    expect(await page(weak)).toEqual([expect.objectContaining({ target: 'of a' })]);
    expect((await query(url.href, 'SELECT FROM audit_events')).rowCount).toBe(0);

    const guide = await readFile('docs/audit.md', 'utf8');
    const statements = /```sql\n(-- as an administrator[^`]+)```/.exec(guide)?.[1] ?? '';
    for (const statement of statements
      .replace(/^--.*$/gm, '')
      .replaceAll('the_login', name)
      .split(';')) {
      // The roles belong to the whole server, so that they can already exist.
      if (statement.trim() !== '') await query(server, statement).catch(ignoreExisting);
    }
    const strong = await AuditApp.start(url.href, OPTIONS);
    expect(strong.get(AuditScope).isolation).toEqual({ writer: true, readers: true, bypass: false });
    await strong.sealed(['more of a'], 'a');
    expect((await page(strong)).map(({ target }) => target)).toEqual(['more of a', 'of a']);
    expect(await strong.verifier.verify()).toMatchObject({ valid: true, verified: 3 });
    await Promise.all([weak.stop(), strong.stop()]);
  });
});

function ignoreExisting(error: unknown): void {
  if ((error as { code?: string }).code !== '42710') throw error;
}
