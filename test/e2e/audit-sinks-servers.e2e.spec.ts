import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { describe, expect, it } from 'vitest';
import { AuditSinks, PostgresSink, RedisStreamSink } from '../../src/audit/index.js';
import { createRedisClient, type RedisClient } from '../../src/redis/index.js';
import { AuditApp } from '../support/audit-app.js';
import { freshDatabase, query } from '../support/database.js';
import { deliveredEvent } from '../support/delivered-event.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

/** Limit for one Redis command. The 200 ms of an application can be too short on a busy machine. */
const PATIENCE_MS = 5_000;

/** Ids of the events in a stream, in the order of the stream. */
async function idsIn(client: RedisClient, stream: string): Promise<string[]> {
  return (await client.xrange(stream, '-', '+')).map(([, fields]) => fields[1] ?? '');
}

describe('the Redis sink', () => {
  it('adds each event to a stream once and in order, also after an outage of Redis', async () => {
    const server = await RedisServer.start(['appendonly yes', 'appendfsync always']);
    const client = createRedisClient({ url: server.url, commandTimeoutMs: PATIENCE_MS });
    const stream = `audit:${randomUUID()}`;
    const app = await AuditApp.start(await freshDatabase(), { sinks: [new RedisStreamSink({ client, stream })] });
    const record = async (from: number, to: number) => {
      for (let i = from; i < to; i++) app.audit.record({ action: 'test.redis', outcome: 'success', target: `t:${i}` });
      await app.audit.flush();
    };
    const count = () => client.xlen(stream).catch(() => 0);
    await record(0, 250);
    await until('the first events are in the stream', async () => (await count()) === 250);
    await server.kill();
    await record(250, 500);
    await until('the sink reports the outage', () => app.get(AuditSinks).states['redis']?.state === 'failing');
    await server.resume();
    await until('all events are in the stream', async () => (await count()) >= 500);
    const stored = await app.sql('SELECT id FROM audit_events ORDER BY id');
    expect(await idsIn(client, stream)).toEqual(stored.map(({ id }) => id as string));
    await app.stop();
    client.disconnect();
    await server.stop();
  });

  it('does not add an event twice, and refuses a stream that another database fills', async () => {
    const server = await RedisServer.start();
    const client = createRedisClient({ url: server.url, commandTimeoutMs: PATIENCE_MS });
    await until('Redis answers', async () => (await client.ping().catch(() => '')) === 'PONG');
    const sink = new RedisStreamSink({ client });
    const events = [deliveredEvent(), deliveredEvent()];
    await sink.write(events);
    await sink.write(events);
    expect(await idsIn(client, 'audit-events')).toEqual(events.map(({ event }) => event.id));
    const stranger = { ...deliveredEvent(), cursor: events[0]?.cursor ?? '' };
    await expect(sink.write([stranger])).rejects.toThrow('filled from another database');
    client.disconnect();
    await server.stop();
  });
});

describe('the PostgreSQL sink', () => {
  it('copies each event unchanged and once to a table in another database', async () => {
    const warehouse = await freshDatabase();
    await query(warehouse, 'CREATE SCHEMA security');
    const copy = await AuditApp.start(await freshDatabase());
    const [{ columns }] = await copy.sql(
      `SELECT string_agg(column_name || ' ' || CASE data_type WHEN 'ARRAY' THEN 'text[]' ELSE data_type END, ', ') AS columns
       FROM information_schema.columns WHERE table_name = 'audit_events' AND table_schema = current_schema()`,
    );
    await copy.stop();
    await query(warehouse, `CREATE TABLE security.trail (${columns}, PRIMARY KEY (id))`);
    const pool = new Pool({ connectionString: warehouse });
    const sink = new PostgresSink({ client: pool, table: 'security.trail' });
    const app = await AuditApp.start(await freshDatabase(), { sinks: [sink] });
    for (let i = 0; i < 20; i++) {
      const metadata = { i, nested: { text: `a "quoted"\\ text ${i}` } };
      app.audit.record({ action: 'test.copy', outcome: 'success', targets: ['a:1', `b:{"${i}"}`], metadata });
    }
    await app.audit.flush();
    const rows = async () => (await pool.query('SELECT * FROM security.trail ORDER BY id')).rows;
    await until('all events are in the table', async () => (await rows()).length === 20);
    expect(await rows()).toEqual(await app.sql('SELECT * FROM audit_events ORDER BY id'));
    const again = deliveredEvent();
    await sink.write([again]);
    await sink.write([again]);
    expect(await rows()).toHaveLength(21);
    await app.stop();
    await pool.end();
  });
});
