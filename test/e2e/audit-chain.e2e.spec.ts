import type { EntityManager } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CANONICAL } from '../../src/audit/integrity/chain.js';
import { AuditApp } from '../support/audit-app.js';
import { ownDatabase } from '../support/database.js';

const OPTIONS = { sealIntervalMs: 0, maintenanceIntervalMs: 0 };

/** What an attacker with write access to the tables can do, and what the verifier must report. */
const TAMPERINGS: [what: string, sql: string, kind: string][] = [
  ['changes an action', `UPDATE audit_events SET action = 'x' WHERE target = 't:30'`, 'changed'],
  [
    'changes one digit of metadata',
    `UPDATE audit_events SET metadata = '{"n": 30.0000000000000000001}' WHERE target = 't:30'`,
    'changed',
  ],
  [
    'changes the time of an event',
    `UPDATE audit_events SET occurred_at = occurred_at + interval '1 ms' WHERE target = 't:30'`,
    'changed',
  ],
  [
    'changes the time of recording',
    `UPDATE audit_events SET recorded_at = recorded_at + interval '1 us' WHERE target = 't:30'`,
    'changed',
  ],
  ['adds a target', `UPDATE audit_events SET targets = targets || 'more'::text WHERE target = 't:30'`, 'changed'],
  ['changes the actor', `UPDATE audit_events SET actor_id = 'other' WHERE target = 't:30'`, 'changed'],
  ['replaces null with an empty text', `UPDATE audit_events SET address = '' WHERE target = 't:30'`, 'changed'],
  ['moves an event to another tenant', `UPDATE audit_events SET tenant_id = 'z' WHERE target = 't:30'`, 'missing'],
  ['deletes an event', `DELETE FROM audit_events WHERE target = 't:30'`, 'missing'],
  [
    'deletes an event and its seal',
    `WITH gone AS (DELETE FROM audit_events WHERE target = 't:30' RETURNING id) DELETE FROM audit_seals WHERE event_id IN (SELECT id FROM gone)`,
    'gap',
  ],
  [
    'adds an event',
    `INSERT INTO audit_events (id, occurred_at, action, outcome, severity, metadata) VALUES (gen_random_uuid(), now(), 'x', 'success', 'INFO', '{}')`,
    'unsealed',
  ],
  ['changes a seal', `UPDATE audit_seals SET hash = sha256('x') WHERE seq = 7 AND tenant = 'a'`, 'changed'],
  [
    'swaps two events',
    `UPDATE audit_seals a SET event_id = CASE seq WHEN 3 THEN (SELECT event_id FROM audit_seals WHERE tenant = 'a' AND seq = 4) ELSE (SELECT event_id FROM audit_seals WHERE tenant = 'a' AND seq = 3) END WHERE tenant = 'a' AND seq IN (3, 4)`,
    'changed',
  ],
];

describe('the chain of a tenant', () => {
  let app: AuditApp;
  let replicas: AuditApp[];
  beforeAll(async () => {
    const url = await ownDatabase();
    app = await AuditApp.start(url, OPTIONS);
    replicas = await Promise.all([AuditApp.start(url, OPTIONS), AuditApp.start(url, OPTIONS)]);
    await Promise.all(
      [app, ...replicas].map(async ({ audit, sealer }, replica) => {
        for (let n = 0; n < 60; n++) {
          const i = replica * 60 + n;
          const tenantId = ['a', 'b', undefined][n % 3];
          audit.record({ action: 'thing.made', outcome: 'success', target: `t:${i}`, tenantId, metadata: { n: i } });
          if (n % 7 === 0) await Promise.all([audit.flush(), sealer.seal()]);
        }
        await audit.flush();
      }),
    );
    await app.sealer.seal();
  });
  afterAll(() => Promise.all([app, ...replicas].map((one) => one.stop())));

  it('has no gaps when several replicas write and seal', async () => {
    const { heads, ...rest } = await app.verifier.verify();
    expect(rest).toEqual({
      valid: true,
      log: expect.stringMatching(/^[0-9a-f-]{36}$/),
      verified: 180,
      dropped: 0,
      unsealed: 0,
      digests: 0,
    });
    expect(heads.map(({ tenant, seq }) => [tenant, seq])).toEqual([
      ['', 60],
      ['a', 60],
      ['b', 60],
    ]);
  });

  it('can be verified for one tenant only, and from a given time', async () => {
    const { heads } = await app.verifier.verify();
    const one = await app.verifier.verify({ tenant: 'a' });
    expect(one).toMatchObject({ valid: true, verified: 60, heads: [heads[1]] });
    const [{ time }] = await app.sql(`SELECT sealed_at AS time FROM audit_seals WHERE tenant = 'a' AND seq = 60`);
    const part = await app.verifier.verify({ tenant: 'a', from: time as Date });
    expect(part).toMatchObject({ valid: true, heads: [heads[1]] });
    expect(part.verified).toBeLessThan(60);
    expect(part.verified).toBeGreaterThan(0);
  });

  it('is hashed over canonical JSON (RFC 8785) for all column values', async () => {
    const [{ canonical }] = await app.sql(`SELECT ${CANONICAL} AS canonical FROM (
      SELECT (e).* FROM (SELECT jsonb_populate_record(e, '{"user_agent": "\\u0001\\u001f\\"\\\\/\\b\\f\\n\\r\\t\u007f\u2028ü😀"}') AS e
      FROM audit_events e WHERE target = 't:30') AS one) AS e`);
    const parsed = JSON.parse(canonical as string) as Record<string, string | null>;
    expect(canonical).toBe(JSON.stringify(parsed, Object.keys(parsed).sort()));
    expect(parsed['user_agent']).toBe('\u0001\u001f"\\/\b\f\n\r\t\u007f\u2028ü😀');
    const columns = await app.sql(
      `SELECT column_name FROM information_schema.columns WHERE table_name = 'audit_events'`,
    );
    expect(Object.keys(parsed)).toEqual(columns.map(({ column_name: name }) => name as string).sort());
    expect(Object.values(parsed).every((value) => value === null || typeof value === 'string')).toBe(true);
  });

  it.each(TAMPERINGS)('detects an attacker who %s', async (_what, sql, kind) => {
    expect(await app.verifyWith((manager) => manager.query(sql))).toMatchObject({ valid: false, fault: { kind } });
    expect((await app.verifier.verify()).valid).toBe(true);
  });

  it('reports the position of the change', async () => {
    const [{ seq, event_id: eventId }] = await app.sql(
      `SELECT seq::int, event_id FROM audit_seals JOIN audit_events ON id = event_id WHERE target = 't:30'`,
    );
    const found = await app.verifyWith((manager) =>
      manager.query(`UPDATE audit_events SET action = 'x' WHERE target = 't:30'`),
    );
    expect(found.fault).toEqual({ kind: 'changed', tenant: 'a', seq, eventId });
  });

  it('is reported as truncated only if a head was stored elsewhere', async () => {
    const { heads } = await app.verifier.verify();
    const [{ end }] = await app.sql(
      `SELECT max(seq)::int AS end FROM audit_seals WHERE tenant = 'a' AND root IS NOT NULL AND seq < 60`,
    );
    const cut = (manager: EntityManager) =>
      manager.query(`WITH gone AS (DELETE FROM audit_seals WHERE tenant = 'a' AND seq > ${end} RETURNING event_id)
                     DELETE FROM audit_events WHERE id IN (SELECT event_id FROM gone)`);
    expect(await app.verifyWith(cut)).toMatchObject({ valid: true });
    expect(await app.verifyWith(cut, { known: heads })).toMatchObject({
      valid: false,
      fault: { kind: 'truncated', tenant: 'a', seq: 60 },
    });
  });

  it('is invalid after somebody without the key rebuilds it', async () => {
    const database = await ownDatabase();
    const forger = await AuditApp.start(database, OPTIONS);
    const owner = await AuditApp.start(database, { ...OPTIONS, sealSecret: 'of the owner' });
    await owner.audit.recordAndWait({ action: 'auth.login', outcome: 'success' });
    await owner.audit.flush();
    await owner.sealer.seal();
    expect((await owner.verifier.verify()).valid).toBe(true);
    await forger.tamper(
      'DELETE FROM audit_seals',
      `UPDATE audit_events SET action = 'auth.logout'`,
      `INSERT INTO audit_unsealed SELECT '', id FROM audit_events`,
    );
    await forger.sealer.seal();
    expect((await forger.verifier.verify()).valid).toBe(true);
    expect(await owner.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'changed', seq: 1 } });
    await Promise.all([forger.stop(), owner.stop()]);
  });

  it('continues with a new key, and old seals stay valid while the old key is configured', async () => {
    const database = await ownDatabase();
    const start = (options: object) => AuditApp.start(database, { ...OPTIONS, ...options });
    const open = await start({});
    await open.sealed(['one']);
    const first = await start({ sealSecret: 'first', oldSealSecrets: ['none'] });
    await first.sealed(['two']);
    const second = await start({ sealSecret: 'second', oldSealSecrets: ['none', 'first'] });
    await second.sealed(['three']);
    expect(await second.verifier.verify()).toMatchObject({ valid: true, verified: 3 });
    expect(await first.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'changed', seq: 3 } });
    const strict = await start({ sealSecret: 'second', oldSealSecrets: ['first'] });
    expect(await strict.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'changed', seq: 1 } });
    await Promise.all([open, first, second, strict].map((one) => one.stop()));
  });

  it.each([
    'TRUNCATE audit_events',
    'TRUNCATE audit_events_default',
    'TRUNCATE audit_seals',
    'DELETE FROM audit_events',
    'DELETE FROM audit_seals',
    'DELETE FROM audit_log',
    `UPDATE audit_events SET action = 'x'`,
    `UPDATE audit_seals SET key_id = ''`,
  ])('cannot be changed by an SQL statement of the application: %s', async (statement) => {
    await expect(app.sql(statement)).rejects.toThrow('never changed or removed');
  });
});
