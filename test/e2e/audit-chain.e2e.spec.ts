import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditApp } from '../support/audit-app.js';
import { freshDatabase } from '../support/database.js';

const OPTIONS = { sealIntervalMs: 0 };

/** What somebody may do who can write to the tables, and what the verifier has to say of it. */
const TAMPERINGS: [what: string, sql: string, kind: string][] = [
  ['changes an action', `UPDATE audit_events SET action = 'x' WHERE target = 't:30'`, 'changed'],
  [
    'changes one digit of metadata',
    `UPDATE audit_events SET metadata = '{"n": 30.0000000000000000001}' WHERE target = 't:30'`,
    'changed',
  ],
  [
    'moves an event in time',
    `UPDATE audit_events SET occurred_at = occurred_at + interval '1 ms' WHERE target = 't:30'`,
    'changed',
  ],
  [
    'moves the time of recording',
    `UPDATE audit_events SET recorded_at = recorded_at + interval '1 us' WHERE target = 't:30'`,
    'changed',
  ],
  ['adds a target', `UPDATE audit_events SET targets = targets || 'more'::text WHERE target = 't:30'`, 'changed'],
  ['blames another', `UPDATE audit_events SET actor_id = 'other' WHERE target = 't:30'`, 'changed'],
  ['makes null of an empty text', `UPDATE audit_events SET address = '' WHERE target = 't:30'`, 'changed'],
  ['moves an event to another tenant', `UPDATE audit_events SET tenant_id = 'b' WHERE target = 't:30'`, 'missing'],
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
  let url: string;
  let app: AuditApp;
  let replicas: AuditApp[];
  beforeAll(async () => {
    url = await freshDatabase();
    app = await AuditApp.start(url, OPTIONS);
    replicas = await Promise.all([AuditApp.start(url, OPTIONS), AuditApp.start(url, OPTIONS)]);
    // A constraint that is put off lets a test swap two seals, as one with rights on the table could.
    await app.sql('ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_event_id_key');
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

  it('is one, without gaps, however many replicas write and seal', async () => {
    const { heads, ...rest } = await app.verifier.verify();
    expect(rest).toEqual({ valid: true, verified: 180, unsealed: 0 });
    expect(heads.map(({ tenant, seq }) => [tenant, seq])).toEqual([
      ['', '60'],
      ['a', '60'],
      ['b', '60'],
    ]);
  });

  it.each(TAMPERINGS)('shows who %s', async (_what, sql, kind) => {
    const tables = ['audit_events', 'audit_seals', 'audit_unsealed'];
    for (const table of tables) await app.sql(`CREATE TABLE kept_${table} AS TABLE ${table}`);
    try {
      await app.sql(sql);
      expect(await app.verifier.verify()).toMatchObject({ valid: false, fault: { kind } });
    } finally {
      for (const table of tables) {
        await app.sql(`TRUNCATE ${table}`);
        await app.sql(`INSERT INTO ${table} TABLE kept_${table}`);
        await app.sql(`DROP TABLE kept_${table}`);
      }
    }
    expect((await app.verifier.verify()).valid).toBe(true);
  });

  it('that is cut at its end shows by a head that was kept elsewhere, and not without', async () => {
    const { heads } = await app.verifier.verify();
    const cut = `WITH gone AS (DELETE FROM audit_seals WHERE tenant = 'a' AND seq > 50 RETURNING event_id)
                 DELETE FROM audit_events WHERE id IN (SELECT event_id FROM gone)`;
    for (const table of ['audit_events', 'audit_seals']) await app.sql(`CREATE TABLE kept_${table} AS TABLE ${table}`);
    try {
      await app.sql(cut);
      expect(await app.verifier.verify()).toMatchObject({ valid: true });
      expect(await app.verifier.verify(heads)).toMatchObject({
        valid: false,
        fault: { kind: 'truncated', tenant: 'a', seq: '60' },
      });
    } finally {
      for (const table of ['audit_events', 'audit_seals']) {
        await app.sql(`TRUNCATE ${table}`);
        await app.sql(`INSERT INTO ${table} TABLE kept_${table}`);
        await app.sql(`DROP TABLE kept_${table}`);
      }
    }
  });

  it('that is made anew by somebody without the key shows', async () => {
    const database = await freshDatabase();
    const forger = await AuditApp.start(database, OPTIONS);
    const owner = await AuditApp.start(database, { ...OPTIONS, sealSecret: 'of the owner' });
    await owner.audit.recordAndWait({ action: 'auth.login', outcome: 'success' });
    await owner.audit.flush();
    await owner.sealer.seal();
    expect((await owner.verifier.verify()).valid).toBe(true);
    await forger.sql('DELETE FROM audit_seals');
    await forger.sql(`UPDATE audit_events SET action = 'auth.logout'`);
    await forger.sql(`INSERT INTO audit_unsealed SELECT '', id FROM audit_events`);
    await forger.sealer.seal();
    expect((await forger.verifier.verify()).valid).toBe(true);
    expect(await owner.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'changed', seq: '1' } });
    await Promise.all([forger.stop(), owner.stop()]);
  });
});
