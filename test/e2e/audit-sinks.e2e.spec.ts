import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AuditSinks, type AuditSink, type DeliveredEvent } from '../../src/audit/index.js';
import { AuditFeed } from '../../src/audit/feed/audit.feed.js';
import { eventId } from '../../src/audit/event-id.js';
import { AuditApp } from '../support/audit-app.js';
import { ownDatabase } from '../support/database.js';
import { MemorySink } from '../support/memory.sink.js';
import { until } from '../support/until.js';
import { DataSource } from 'typeorm';

/** Records events one after the other, so that their order is known, and stores them. */
async function recorded(app: AuditApp, action: string, from: number, to: number): Promise<string[]> {
  const targets = Array.from({ length: to - from }, (_, i) => `t:${from + i}`);
  for (const target of targets) app.audit.record({ action, outcome: 'success', target });
  await app.audit.flush();
  return targets;
}

const places = (events: DeliveredEvent[]) => events.map(({ cursor }) => cursor.split('-').map(Number));
const isBefore = ([a = 0, b = 0]: number[], [c = 0, d = 0]: number[]) => a < c || (a === c && b < d);

describe('a sink', () => {
  it('receives all events in order after an outage, and another sink is not delayed', async () => {
    const [steady, shaky] = [new MemorySink('steady'), new MemorySink('shaky')];
    const app = await AuditApp.start(await ownDatabase(), { sinks: [steady, shaky] });
    const action = `test.${randomUUID()}`;
    const targets = await recorded(app, action, 0, 50);
    await until('both have the first events', () => shaky.targets(action).length === 50);
    shaky.isDown = true;
    for (let i = 50; i < 2_000; i += 150) targets.push(...(await recorded(app, action, i, Math.min(i + 150, 2_000))));
    await until('the other sink has all events', () => steady.targets(action).length === 2_000);
    expect(shaky.targets(action)).toHaveLength(50);
    await until('the failed sink was retried', () => shaky.refusals > 1);
    expect(app.get(AuditSinks).check()).toMatchObject({
      degraded: 'events wait for: shaky',
      steady: { state: 'running' },
      shaky: { state: 'failing' },
    });
    shaky.isDown = false;
    await until('the failed sink has all events', () => shaky.targets(action).length >= 2_000);
    expect(shaky.targets(action)).toEqual(targets);
    expect(steady.targets(action)).toEqual(targets);
    const order = places(shaky.events);
    expect(order.every((place, i) => i === 0 || isBefore(order[i - 1] ?? [], place))).toBe(true);
    await until('the state of the sink is running', () => app.get(AuditSinks).states['shaky']?.state === 'running');
    await app.stop();
    expect(shaky.closed).toBe(1);
  });

  it('receives only the same batch again if it fails after it stored the batch', async () => {
    const sink = new MemorySink('forgetful');
    let failures = 3;
    const write = sink.write.bind(sink);
    sink.write = async (events) => {
      await write(events);
      if (failures-- > 0) throw new Error('the answer was lost');
    };
    const app = await AuditApp.start(await ownDatabase(), { sinks: [sink] });
    const action = `test.${randomUUID()}`;
    const targets = await recorded(app, action, 0, 30);
    await until('the sink has received the events', () => failures < 0);
    const [first, ...again] = sink.batches.slice(0, 4);
    for (const batch of again) expect(batch).toEqual(first);
    expect([...new Set(sink.targets(action))]).toEqual(targets);
    await app.stop();
  });

  it('is aborted and retried when it hangs', async () => {
    let calls = 0;
    const hanging: AuditSink = {
      name: 'hanging',
      write: () => (calls++ === 0 ? new Promise(() => undefined) : Promise.resolve()),
    };
    const app = await AuditApp.start(await ownDatabase(), { sinks: [hanging], sinkTimeoutMs: 100 });
    await recorded(app, 'test.hang', 0, 3);
    await until('the sink is retried', () => calls > 1);
    await until('the sink runs', () => app.get(AuditSinks).states['hanging']?.state === 'running');
    expect(calls).toBe(2);
    await app.stop();
  });

  it('is written by one process at a time, and another process takes over when that one ends', async () => {
    const url = await ownDatabase();
    const sinks = [new MemorySink('shared'), new MemorySink('shared')];
    const options = sinks.map((sink) => ({ sinks: [sink], sinkTimeoutMs: 4_000 }));
    const [one, other] = [await AuditApp.start(url, options[0]), await AuditApp.start(url, options[1])];
    const action = `test.${randomUUID()}`;
    const all = () => sinks.flatMap((sink) => sink.targets(action));
    const targets = [...(await recorded(one, action, 0, 20)), ...(await recorded(other, action, 20, 40))];
    await until('all events have arrived', () => all().length >= 40);
    expect(all()).toEqual(targets);
    const stateOf = (app: AuditApp) => app.get(AuditSinks).states['shared']?.state;
    await until('one runs, one is standby', () => [one, other].map(stateOf).sort().join() === 'running,standby');
    const [leader, heir] = stateOf(one) === 'running' ? [one, other] : [other, one];
    await leader.stop();
    targets.push(...(await recorded(heir, action, 40, 60)));
    await until('the other has taken over', () => all().length >= 60);
    expect(all()).toEqual(targets);
    await heir.stop();
  });

  it('continues at its old position after a restart with the same name', async () => {
    const url = await ownDatabase();
    const before = new MemorySink('named');
    const app = await AuditApp.start(url, { sinks: [before] });
    const action = `test.${randomUUID()}`;
    const first = await recorded(app, action, 0, 10);
    await until('it has the first events', () => before.targets(action).length === 10);
    await app.stop();
    const between = await AuditApp.start(url);
    const missed = await recorded(between, action, 10, 20);
    await between.stop();
    const after = new MemorySink('named');
    const again = await AuditApp.start(url, { sinks: [after] });
    await until('it has the other events', () => after.targets(action).length === 10);
    expect([...before.targets(action), ...after.targets(action)]).toEqual([...first, ...missed]);
    await again.stop();
  });

  it('cannot have the name of another sink', async () => {
    const twins = AuditApp.start(await ownDatabase(), { sinks: [new MemorySink('a'), new MemorySink('a')] });
    await expect(twins).rejects.toThrow('have the name "a"');
  });
});

describe('the storage order', () => {
  const insert = `INSERT INTO audit_events (id, occurred_at, action, outcome, severity, metadata)
    VALUES ($1, now(), 'test.order', 'success', 'INFO', '{}')`;

  it.each(['COMMIT', 'ROLLBACK'])(
    'holds back an event while the transaction of an earlier event is still open: %s',
    async (end) => {
      const app = await AuditApp.start(await ownDatabase());
      const feed = app.get(AuditFeed);
      const start = await feed.lastPosition();
      const slow = app.get(DataSource).createQueryRunner();
      await slow.query('BEGIN');
      await slow.query(insert, [eventId(Date.now())]);
      const quick = eventId(Date.now());
      await app.sql(insert, [quick]);
      for (let i = 0; i < 3; i++) expect(await feed.readAfter(start, 10)).toEqual([]);
      await slow.query(end);
      await slow.release();
      await until('the later event arrives', async () => (await feed.readAfter(start, 10)).length > 0);
      const batches = await feed.readAfter(start, 10);
      expect(batches).toHaveLength(end === 'COMMIT' ? 2 : 1);
      expect(batches.at(-1)?.eventIds).toEqual([quick]);
      await app.stop();
    },
  );

  it('is deleted when it is old, unless a sink still needs it', async () => {
    const sink = new MemorySink('late');
    const app = await AuditApp.start(await ownDatabase(), { sinks: [sink] });
    const feed = app.get(AuditFeed);
    sink.isDown = true;
    await recorded(app, 'test.prune', 0, 5);
    await feed.prune(0, ['late']);
    expect(await app.sql('SELECT count(*)::int FROM audit_batches')).not.toEqual([{ count: 0 }]);
    sink.isDown = false;
    await until('the sink has the events', () => sink.targets('test.prune').length === 5);
    await until('the old entries are deleted', async () => {
      await feed.prune(0, ['late']);
      return (await app.sql('SELECT count(*)::int FROM audit_batches'))[0].count === 0;
    });
    const more = await recorded(app, 'test.prune', 5, 8);
    await until('the other events arrive', () => sink.targets('test.prune').length === 8);
    expect(sink.targets('test.prune').slice(5)).toEqual(more);
    await app.stop();
  });
});
