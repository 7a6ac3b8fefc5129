import { randomInt } from 'node:crypto';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Verification } from '../../src/audit/index.js';
import { AuditApp } from '../support/audit-app.js';
import { ownDatabase } from '../support/database.js';
import { amountOf } from '../support/long-form.js';

const MUTATIONS = amountOf('MUTATIONS', { short: 300, long: 10_000 });
/** Mutations per transaction; a long transaction delays the feeds of other databases on the server. */
const AT_ONCE = 25;

/** Columns of an event, and an expression that changes the value of each. */
const EDITS: Record<string, string> = {
  id: 'gen_random_uuid()',
  occurred_at: `occurred_at + interval '1 microsecond'`,
  recorded_at: `recorded_at - interval '1 microsecond'`,
  action: `action || 'x'`,
  outcome: `CASE outcome WHEN 'success' THEN 'failure' ELSE 'success' END`,
  severity: `CASE severity WHEN 'INFO' THEN 'ERROR' ELSE 'INFO' END`,
  actor_id: `coalesce(actor_id, '') || 'x'`,
  tenant_id: `CASE tenant_id WHEN 'a' THEN 'b' WHEN 'b' THEN NULL ELSE 'a' END`,
  target: `coalesce(target, '') || ' '`,
  targets: `targets || ''::text`,
  request_id: `coalesce(request_id, '')  || ''::text || '0'`,
  trace_id: `coalesce(trace_id, '') || '0'`,
  address: `CASE WHEN address IS NULL THEN '' END`,
  user_agent: `CASE WHEN user_agent IS NULL THEN '' END`,
  route: `coalesce(route, '') || '/'`,
  idempotency_key: `coalesce(idempotency_key, '') || 'x'`,
  schema_version: 'coalesce(schema_version, 0) + 1',
  metadata: `metadata || '{"forged": true}'`,
};

const SEAL_EDITS: Record<string, string> = {
  event_id: 'gen_random_uuid()',
  seq: 'seq + 1000',
  leaf: `set_byte(leaf, 7, 255 - get_byte(leaf, 7))`,
  hash: `set_byte(hash, 31, 255 - get_byte(hash, 31))`,
  key_id: `key_id || '0'`,
  sealed_at: `sealed_at + interval '1 microsecond'`,
  tenant: `tenant || 'x'`,
  root: `CASE WHEN root IS NULL THEN sha256('') ELSE set_byte(root, 0, 255 - get_byte(root, 0)) END`,
  frontier: `CASE WHEN frontier IS NULL THEN sha256('') ELSE set_byte(frontier, 0, 255 - get_byte(frontier, 0)) END`,
};

const any = <T>(from: readonly T[]): T => from[randomInt(from.length)] as T;
const TENANTS = ['', 'a', 'b'];
const EVENT = `(SELECT id FROM audit_events ORDER BY random() LIMIT 1)`;

/** One random statement of each kind. Only a stored head reveals that the end of a chain was removed. */
const KINDS: Record<string, () => string[]> = {
  'an edited event': () => {
    const [column, value] = any(Object.entries(EDITS));
    return [`UPDATE audit_events SET ${column} = ${value} WHERE id = ${EVENT}`];
  },
  'an edited seal': () => {
    const [column, value] = any(Object.entries(SEAL_EDITS));
    return [`UPDATE audit_seals SET ${column} = ${value} WHERE event_id = ${EVENT}`];
  },
  'a deleted event': () => [`DELETE FROM audit_events WHERE id = ${EVENT}`],
  'a deleted seal': () => [`DELETE FROM audit_seals WHERE event_id = ${EVENT}`],
  'an event deleted with its seal': () => [
    `WITH gone AS (DELETE FROM audit_events WHERE id = ${EVENT} RETURNING id)
     DELETE FROM audit_seals WHERE event_id IN (SELECT id FROM gone)`,
  ],
  'an event deleted, its successors moved up': () => [
    `WITH gone AS (DELETE FROM audit_seals WHERE event_id = ${EVENT} RETURNING tenant, seq, event_id),
       event AS (DELETE FROM audit_events WHERE id IN (SELECT event_id FROM gone))
     UPDATE audit_seals s SET seq = s.seq - 1 FROM gone WHERE s.tenant = gone.tenant AND s.seq > gone.seq`,
  ],
  'an inserted event': () => [
    `INSERT INTO audit_events SELECT * FROM jsonb_populate_record(NULL::audit_events, (
       SELECT to_jsonb(e) || jsonb_build_object('id', gen_random_uuid()) FROM audit_events e WHERE id = ${EVENT}))`,
  ],
  'an inserted seal': () => [
    `INSERT INTO audit_seals SELECT tenant, (SELECT max(seq) + 1 FROM audit_seals o WHERE o.tenant = s.tenant), event_id,
       leaf, hash, key_id, sealed_at, root, frontier FROM audit_seals s WHERE event_id = ${EVENT}`,
  ],
  'two events that changed places': () => {
    const [first, second] = [
      `(SELECT seq FROM pick ORDER BY seq LIMIT 1)`,
      `(SELECT seq FROM pick ORDER BY seq DESC LIMIT 1)`,
    ];
    const tenant = any(TENANTS);
    return [
      `WITH pick AS MATERIALIZED (
         SELECT seq, event_id, leaf FROM audit_seals WHERE tenant = '${tenant}' ORDER BY random() LIMIT 2)
       UPDATE audit_seals s SET event_id = p.event_id, leaf = p.leaf FROM pick p
       WHERE s.tenant = '${tenant}' AND s.seq IN (${first}, ${second}) AND p.seq IN (${first}, ${second}) AND p.seq <> s.seq`,
    ];
  },
  'two events whose contents changed places': () => [
    `WITH pick AS MATERIALIZED (SELECT id, target, targets FROM audit_events ORDER BY random() LIMIT 2)
     UPDATE audit_events e SET target = p.target, targets = p.targets FROM pick p
     WHERE e.id IN (SELECT id FROM pick) AND p.id <> e.id`,
  ],
  'a chain whose end was cut off': () => {
    const [tenant, count] = [any(TENANTS), 1 + randomInt(20)];
    return [
      `WITH gone AS (DELETE FROM audit_seals WHERE tenant = '${tenant}'
         AND seq > (SELECT max(seq) FROM audit_seals WHERE tenant = '${tenant}') - ${count} RETURNING event_id)
       DELETE FROM audit_events WHERE id IN (SELECT event_id FROM gone)`,
    ];
  },
  'a chain whose beginning was cut off': () => {
    const [tenant, count] = [any(TENANTS), 1 + randomInt(20)];
    return [
      `WITH gone AS (DELETE FROM audit_seals WHERE tenant = '${tenant}' AND seq <= ${count} RETURNING event_id)
       DELETE FROM audit_events WHERE id IN (SELECT event_id FROM gone)`,
    ];
  },
  'a tenant that was removed': () => {
    const tenant = any(TENANTS);
    return [
      `DELETE FROM audit_seals WHERE tenant = '${tenant}'`,
      `DELETE FROM audit_events WHERE coalesce(tenant_id, '') = '${tenant}'`,
    ];
  },
};

let app: AuditApp;
let heads: Verification['heads'];
beforeAll(async () => {
  app = await AuditApp.start(await ownDatabase(), { sealIntervalMs: 0, maintenanceIntervalMs: 0, sealSecret: 's' });
  for (let batch = 0; batch < 4; batch++) {
    for (const tenant of TENANTS)
      await app.sealed(
        [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `${tenant}:${batch}-${n}`),
        tenant || undefined,
      );
  }
  ({ heads } = await app.verifier.verify());
});
afterAll(() => app.stop());

const verify = (manager: EntityManager) =>
  app.verifier.verifyWithin(manager, {}, { heads: new Map(heads.map((head) => [head.tenant, head])), count: 0 });

/** Makes changes, rolls each one back, and returns those that the verifier did not detect. */
async function unseenOf(runner: QueryRunner, count: number): Promise<string[]> {
  const unseen: string[] = [];
  // All changes run in one transaction, without triggers. Each one is rolled back before the next.
  await runner.startTransaction('REPEATABLE READ');
  await app.disarm(runner.manager);
  expect(await verify(runner.manager)).toMatchObject({ valid: true, verified: 96 });
  for (let i = 0; i < count; i++) {
    const [kind, make] = any(Object.entries(KINDS));
    const statements = make();
    await runner.query('SAVEPOINT untouched');
    for (const statement of statements) await runner.query(statement);
    const { valid, fault } = await verify(runner.manager);
    if (valid || !fault) unseen.push(`${kind}: ${statements.join('; ')}`);
    await runner.query('ROLLBACK TO SAVEPOINT untouched; RELEASE SAVEPOINT untouched');
  }
  expect(await verify(runner.manager)).toMatchObject({ valid: true, verified: 96 });
  await runner.rollbackTransaction();
  return unseen;
}

it(
  `finds ${MUTATIONS} of ${MUTATIONS} random edits, deletions, insertions, reorderings and truncations`,
  { tags: 'long', timeout: 300_000 + MUTATIONS * 100 },
  async () => {
    const runner = app.get(DataSource).createQueryRunner();
    try {
      for (let left = MUTATIONS; left > 0; left -= AT_ONCE) {
        expect(await unseenOf(runner, Math.min(left, AT_ONCE))).toEqual([]);
      }
    } finally {
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      await runner.release();
    }
  },
);
