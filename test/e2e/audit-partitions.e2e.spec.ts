import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AuditMaintenance } from '../../src/audit/index.js';
import { exactTime, genesis, seal } from '../../src/audit/integrity/chain.js';
import { SealKeys } from '../../src/audit/integrity/seal-keys.js';
import { firstIdOf, monthName, startOfMonth } from '../../src/audit/store/months.js';
import { AuditApp } from '../support/audit-app.js';
import { freshDatabase } from '../support/database.js';

const DAY_MS = 86_400_000;
/** The middle of this month, so that no month ends while these tests run. */
const NOW = new Date(startOfMonth(new Date()).getTime() + 14.5 * DAY_MS);

/** The id of an event at another time. */
const idAt = (time: Date) => `${firstIdOf(time).slice(0, 14)}7${randomUUID().slice(15)}`;

const eventAt = (time: Date, target: string, tenant: string | null = null, idempotencyKey: string | null = null) => ({
  id: idAt(time),
  occurred_at: time.toISOString(),
  action: 'thing.made',
  outcome: 'success',
  severity: 'INFO',
  tenant_id: tenant,
  target,
  targets: [target],
  idempotency_key: idempotencyKey,
  metadata: {},
});

const append = (app: AuditApp, events: object[]) => app.sql('SELECT audit_append($1)', [JSON.stringify(events)]);

const partitionsOf = async (app: AuditApp, table = 'audit_events') => {
  const rows = await app.sql(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1`,
    [table],
  );
  return rows.map(({ name }) => name as string);
};

const placeOf = async (app: AuditApp, target: string) =>
  (await app.sql('SELECT tableoid::regclass::text AS place FROM audit_events WHERE target = $1', [target])).map(
    ({ place }) => place as string,
  );

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOW }));
afterAll(() => void vi.useRealTimers());

/**
 * An application that has created its partitions at start and does not run maintenance by itself again. When two
 * applications run maintenance at the same time, one of them skips it.
 */
async function prepared(): Promise<AuditApp> {
  const url = await freshDatabase();
  await (await AuditApp.start(url, { sealIntervalMs: 0 })).stop();
  return AuditApp.start(url, { sealIntervalMs: 0, maintenanceIntervalMs: 0 });
}

describe('partitions', () => {
  let app: AuditApp;
  beforeAll(async () => {
    app = await prepared();
  });
  afterAll(() => app.stop());

  it.each(['audit_events', 'audit_seals'])('of %s exist for this month and the next three', async (table) => {
    const months = [0, 1, 2, 3].map((later) => `${table}_${monthName(startOfMonth(NOW, later))}`);
    expect(await partitionsOf(app, table)).toEqual([...months, `${table}_default`]);
  });

  it('are created once when several replicas create them at the same time', async () => {
    const later = startOfMonth(NOW, 2);
    await Promise.all([1, 2, 3].map(() => app.get(AuditMaintenance).run(later)));
    expect(app.get(AuditMaintenance).failures).toEqual(new Map());
    expect(await partitionsOf(app)).toHaveLength(7);
  });

  it('that are missing lose no event: the default partition keeps it until it is moved', async () => {
    const [past, future] = [startOfMonth(NOW, -5), startOfMonth(NOW, 7)];
    await append(app, [eventAt(past, 'past'), eventAt(future, 'future')]);
    await app.sql(`INSERT INTO audit_events (id, occurred_at, action, outcome, severity, target, metadata)
      VALUES ('ffffffff-ffff-4fff-bfff-ffffffffffff', now(), 'x', 'success', 'INFO', 'of no time', '{}')`);
    expect(await placeOf(app, 'past')).toEqual(['audit_events_default']);
    await app.sealer.seal();
    const before = await app.verifier.verify();
    const batches = () => app.sql('SELECT count(*)::int FROM audit_batches');
    const stored = await batches();
    await app.get(AuditMaintenance).run(startOfMonth(NOW, 6));
    expect(app.get(AuditMaintenance).failures).toEqual(new Map());
    expect(await placeOf(app, 'past')).toEqual([`audit_events_${monthName(past)}`]);
    expect(await placeOf(app, 'future')).toEqual([`audit_events_${monthName(future)}`]);
    expect(await placeOf(app, 'of no time')).toEqual(['audit_events_default']);
    // A client that follows new events receives nothing about a move.
    expect(await batches()).toEqual(stored);
    expect((await app.verifier.verify()).heads).toEqual(before.heads);
  });

  it('store an event once, even if it arrives several times or late', async () => {
    const event = eventAt(startOfMonth(NOW, -5), 'again');
    await append(app, [event]);
    await append(app, [event, event]);
    expect(await placeOf(app, 'again')).toHaveLength(1);
  });

  it('keep the first event of an idempotency key, across months and within a batch', async () => {
    const [month, next] = [startOfMonth(NOW), startOfMonth(NOW, 1)];
    const first = eventAt(month, 'keyed', 'a', 'key');
    await append(app, [first, eventAt(month, 'keyed', 'a', 'key'), eventAt(month, 'keyed', 'b', 'key')]);
    await append(app, [eventAt(next, 'keyed', 'a', 'key'), first]);
    const rows = await app.sql(`SELECT tenant_id FROM audit_events WHERE target = 'keyed' ORDER BY 1`);
    expect(rows).toEqual([{ tenant_id: 'a' }, { tenant_id: 'b' }]);
  });
});

describe('retention', () => {
  const OPTIONS = { sealIntervalMs: 0, maintenanceIntervalMs: 0, sealSecret: 'a secret', retentionDays: 30 };

  /** Events from three months ago and from now, sealed at their time. The oldest month is due to be dropped. */
  async function withHistory(): Promise<AuditApp> {
    const app = await AuditApp.start(await freshDatabase(), OPTIONS);
    const old = startOfMonth(NOW, -3);
    await append(
      app,
      ['a', 'b', null].map((tenant) => eventAt(old, `first of ${tenant}`, tenant)),
    );
    await app.sealer.seal();
    await append(
      app,
      ['a', 'b'].map((tenant) => eventAt(new Date(old.getTime() + DAY_MS), `second of ${tenant}`, tenant)),
    );
    await app.sealer.seal();
    await app.tamper(`UPDATE audit_seals SET sealed_at = sealed_at - interval '3 months'`);
    // A seal covers its time, so the seals are computed again for the changed time.
    await reseal(app);
    await append(app, [eventAt(NOW, 'of now', 'a'), eventAt(new Date(old.getTime() + 2 * DAY_MS), 'late', 'b')]);
    await app.sealer.seal();
    return app;
  }

  /** Computes the seals again for their stored times. */
  async function reseal(app: AuditApp): Promise<void> {
    const key = new SealKeys(OPTIONS.sealSecret).current;
    const rows = await app.sql(
      `SELECT tenant, seq::int, encode(leaf, 'hex') AS leaf, ${exactTime('sealed_at')} AS "sealedAt"
       FROM audit_seals ORDER BY tenant, seq`,
    );
    let [tenant, hash]: [string | undefined, string] = [undefined, ''];
    const updates: string[] = [];
    for (const row of rows as { tenant: string; seq: number; leaf: string; sealedAt: string }[]) {
      if (row.tenant !== tenant) hash = genesis(row.tenant);
      ({ tenant } = row);
      hash = seal(hash, row, key);
      updates.push(`UPDATE audit_seals SET hash = '\\x${hash}' WHERE tenant = '${row.tenant}' AND seq = ${row.seq}`);
    }
    await app.tamper(...updates);
  }

  it('drops whole expired months, and the other events verify from a signed checkpoint', async () => {
    const app = await withHistory();
    expect(await app.verifier.verify()).toMatchObject({ valid: true, verified: 7, dropped: 0 });
    const { heads } = await app.verifier.verify();
    await app.get(AuditMaintenance).run(NOW);
    expect(app.get(AuditMaintenance).failures).toEqual(new Map());
    expect(await app.sql('SELECT target FROM audit_events')).toEqual([{ target: 'of now' }]);
    const after = await app.verifier.verify();
    // Tenant a has one event left. Tenant b has only the seal of the late event left.
    expect(after).toMatchObject({ valid: true, verified: 1, dropped: 6, heads });
    expect((await app.verifier.verify({ known: heads })).valid).toBe(true);
    await app.sealed(['next'], 'a');
    await app.sealed(['next'], 'b');
    await app.sealed(['next']);
    expect(await app.verifier.verify()).toMatchObject({ valid: true, verified: 4, dropped: 6 });
    await app.stop();
  });

  it.each([
    [
      'forges a checkpoint',
      `UPDATE audit_checkpoints SET dropped_before = 'ffffffff-0000-0000-0000-000000000000' WHERE tenant = 'a'`,
      'checkpoint',
    ],
    ['moves a checkpoint to tenant c', `UPDATE audit_checkpoints SET tenant = 'c' WHERE tenant = 'b'`, 'checkpoint'],
    ['removes a checkpoint', `DELETE FROM audit_checkpoints WHERE tenant = 'b'`, 'gap'],
    ['deletes an event that is not expired', `DELETE FROM audit_events WHERE target = 'of now'`, 'missing'],
    [
      'inserts an old event',
      `INSERT INTO audit_events (id, occurred_at, action, outcome, severity, metadata)
      VALUES ('${idAt(startOfMonth(NOW, -3))}', now(), 'x', 'success', 'INFO', '{}')`,
      'unsealed',
    ],
  ])('does not hide an attacker who %s', async (_what, sql, kind) => {
    const app = await withHistory();
    await app.get(AuditMaintenance).run(NOW);
    expect(await app.verifyWith((manager) => manager.query(sql))).toMatchObject({ valid: false, fault: { kind } });
    await app.stop();
  });

  it('does not drop events that are not expired or have no seal', async () => {
    const app = await AuditApp.start(await freshDatabase(), { ...OPTIONS, retentionDays: 30 });
    const edge = new Date(NOW.getTime() - 29 * DAY_MS);
    await append(app, [eventAt(edge, 'young'), eventAt(startOfMonth(NOW, -3), 'old')]);
    await app.get(AuditMaintenance).run(NOW);
    expect(await placeOf(app, 'old')).toHaveLength(1);
    await app.sealer.seal();
    await app.get(AuditMaintenance).run(NOW);
    expect(await placeOf(app, 'old')).toEqual([]);
    expect(await placeOf(app, 'young')).toHaveLength(1);
    // The event arrives again from a journal: it is stored, sealed, and dropped in the next run.
    await append(app, [eventAt(startOfMonth(NOW, -3), 'old')]);
    await app.sealer.seal();
    await app.get(AuditMaintenance).run(NOW);
    await app.get(AuditMaintenance).run(NOW);
    expect(app.get(AuditMaintenance).failures).toEqual(new Map());
    expect(await placeOf(app, 'old')).toEqual([]);
    expect((await app.verifier.verify()).valid).toBe(true);
    await app.stop();
  });

  it('drops nothing if no retention is set', async () => {
    const app = await AuditApp.start(await freshDatabase(), { sealIntervalMs: 0, maintenanceIntervalMs: 0 });
    await append(app, [eventAt(startOfMonth(NOW, -50), 'old')]);
    await app.sealer.seal();
    await app.get(AuditMaintenance).run(NOW);
    expect(await placeOf(app, 'old')).toHaveLength(1);
    await app.stop();
  });
});
