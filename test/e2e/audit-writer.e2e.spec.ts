import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { AuditApp } from '../support/audit-app.js';
import { ownDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { until } from '../support/until.js';

const FIRST = 100;
const REST = 2_400;

/** Locks the events table, so that no event can be stored. `held` resolves when the lock is granted. */
async function heldUp(url: string): Promise<{ client: Client; held: Promise<unknown> }> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN');
  return { client, held: client.query('LOCK TABLE audit_events IN EXCLUSIVE MODE') };
}

describe('a backlog', () => {
  it('is written by two concurrent statements, and each event is stored once if one fails', async () => {
    const url = await ownDatabase();
    const app = await AuditApp.start(url, { sealIntervalMs: 0, maintenanceIntervalMs: 0, maxPending: FIRST + REST });
    const record = (from: number, to: number) => {
      for (let i = from; i < to; i++) app.audit.record({ action: 'thing.made', outcome: 'success', target: `t:${i}` });
    };
    const waiting = async (statement: string) =>
      app.sql(
        `SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
        [statement],
      );
    const appending = () => waiting('%audit_append%');
    const one = await heldUp(url);
    await one.held;
    record(0, FIRST);
    await until('the first statement waits', async () => (await appending()).length === 1);
    const other = await heldUp(url);
    await until('the second lock is next in the queue', async () => (await waiting('LOCK TABLE%')).length === 1);
    record(FIRST, FIRST + REST);
    await one.client.query('COMMIT');
    await other.held;
    await until('two statements wait', async () => (await appending()).length === 2);
    // Events of running statements count as pending.
    expect(app.audit.backlog).toMatchObject({ pending: REST, isStoreDown: false });
    const [{ pid }] = (await appending()) as [{ pid: number }];
    await app.sql('SELECT pg_terminate_backend($1)', [pid]);
    await other.client.query('COMMIT');
    await until('everything is stored', () => app.audit.backlog.pending === 0);
    const [{ events, targets }] = await app.sql(
      'SELECT count(*)::int AS events, count(DISTINCT target)::int AS targets FROM audit_events',
    );
    expect({ events, targets }).toEqual({ events: FIRST + REST, targets: FIRST + REST });
    await Promise.all([one.client.end(), other.client.end(), app.stop()]);
  });

  it('is stored completely, also from the journal, while new events are recorded', async () => {
    const [url, folder] = [await ownDatabase(), await testFolder()];
    const options = { sealIntervalMs: 0, maintenanceIntervalMs: 0, journalDir: folder.path, maxPending: 50 };
    const app = await AuditApp.start(url, options);
    const recorded: string[] = [];
    let isOver = false;
    const lanes = Array.from({ length: 16 }, async (_, lane) => {
      for (let n = 0; !isOver; n++) {
        const target = `t:${lane}-${n}`;
        await app.audit.recordAndWait({ action: 'thing.made', outcome: 'success', target, delivery: 'durable' });
        recorded.push(target);
      }
    });
    const { client, held } = await heldUp(url);
    await held;
    const before = recorded.length;
    await until('memory is full and 500 more events are recorded', () => recorded.length > before + 500);
    await client.query('COMMIT');
    const due = [...recorded];
    await app.audit.flush();
    const [{ missing }] = await app.sql(
      'SELECT count(*)::int AS missing FROM unnest($1::text[]) AS due WHERE due NOT IN (SELECT target FROM audit_events)',
      [due],
    );
    expect(missing).toBe(0);
    isOver = true;
    await Promise.all(lanes);
    await client.end();
    await app.stop();
    await folder.stop();
  });
});
