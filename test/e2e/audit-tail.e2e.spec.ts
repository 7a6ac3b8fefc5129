import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AuditService } from '../../src/audit/index.js';
import { AuditFeed } from '../../src/audit/feed/audit.feed.js';
import { AuditTail } from '../../src/audit/feed/audit.tail.js';
import { FeedEvents } from '../../src/audit/feed/feed-events.js';
import { TailStream, type TailOptions } from '../../src/audit/feed/tail.stream.js';
import type { AuditInput } from '../../src/ports/index.js';
import { AuditApp } from '../support/audit-app.js';
import { ownDatabase, testDatabase } from '../support/database.js';
import { EventStream } from '../support/event-stream.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { TestTenantModule } from '../support/tenant.module.js';
import { until } from '../support/until.js';

const ADMIN = { ADMIN_EMAIL: `${randomUUID()}@example.com`, ADMIN_PASSWORD: 'who watches the trail' };

async function record(app: TestApp, input: Partial<AuditInput> & { action: string }, ...targets: string[]) {
  const audit = app.app.get(AuditService);
  for (const target of targets) audit.record({ outcome: 'success', target, ...input });
  await audit.flush();
}

onBothAdapters('GET /audit/events/stream', (HTTP_ADAPTER) => {
  let app: TestApp;
  let token: string;
  let url: string;
  const open = (query: string, headers: Record<string, string> = {}) =>
    EventStream.open(`${app.baseUrl}/audit/events/stream?${query}`, { authorization: `Bearer ${token}`, ...headers });
  const targetsOf = (stream: EventStream) => stream.of('audit').map(({ data }) => data.target as string);

  beforeAll(async () => {
    url = await ownDatabase();
    app = await TestApp.start({ HTTP_ADAPTER, DATABASE_URL: url, ...ADMIN }, { imports: [TestTenantModule] });
    ({ token } = await app.login(ADMIN.ADMIN_EMAIL, ADMIN.ADMIN_PASSWORD));
  });
  afterAll(() => app.stop());

  it('sends each matching event as one message when it is stored, even if the event has line breaks', async () => {
    const action = `test.${randomUUID()}`;
    const stream = await open(`action=${action}`, { 'accept-encoding': 'gzip, br' });
    expect(stream.status).toBe(200);
    expect(stream.response.headers).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8' });
    expect(stream.response.headers['content-encoding']).toBeUndefined();
    expect(stream.response.headers['cache-control']).toContain('no-store');
    const metadata = { note: 'a\n\nevent: end\ndata: {"reason":"forged"}\r\n\r\nid: 1' };
    await record(app, { action, metadata }, 't:1\nevent: end', 't:2');
    await record(app, { action: 'test.other' }, 't:3');
    await record(app, { action }, 't:4');
    await stream.has(3);
    expect(targetsOf(stream)).toEqual(['t:1?event: end', 't:2', 't:4']);
    expect(stream.of('end')).toEqual([]);
    const [row] = await app.sql('SELECT id FROM audit_events WHERE action = $1 ORDER BY id', [action]);
    expect(stream.of('audit')[0]?.data.id).toBe(row.id);
    stream.close();
  });

  it('continues after Last-Event-ID with the missed events and without repetitions', async () => {
    const action = `test.${randomUUID()}`;
    const stream = await open(`action=${action}`);
    await record(app, { action }, 'a', 'b', 'c');
    const [first] = await stream.has(3);
    stream.close();
    await record(app, { action }, 'd');
    const resumed = await open(`action=${action}`, { 'last-event-id': first?.id ?? '' });
    await record(app, { action }, 'e');
    await resumed.has(4);
    expect(targetsOf(resumed)).toEqual(['b', 'c', 'd', 'e']);
    expect(resumed.of('reset')).toEqual([]);
    resumed.close();
    const end = await open(`action=${action}`, { 'last-event-id': resumed.lastEventId });
    await record(app, { action }, 'f');
    expect((await end.has(1)).map(({ data }) => data.target)).toEqual(['f']);
    end.close();
  });

  it('sends a reset if the missed events are deleted or the position is unknown', async () => {
    await record(app, { action: 'test.old' }, 'a');
    await app.app.get(AuditFeed).prune(0, []);
    for (const id of ['0', '999999999']) {
      const stream = await open('', { 'last-event-id': id });
      await until('the first message arrives', () => stream.messages.length > 0);
      expect(stream.messages[0]?.event).toBe('reset');
      stream.close();
    }
  });

  it('sends events that another replica has recorded', async () => {
    const replica = await TestApp.start({ HTTP_ADAPTER, DATABASE_URL: url, ...ADMIN });
    const action = `test.${randomUUID()}`;
    const stream = await open(`action=${action}`);
    await record(replica, { action }, 'from elsewhere');
    await stream.has(1);
    expect(targetsOf(stream)).toEqual(['from elsewhere']);
    stream.close();
    await replica.stop();
  });

  it('shows a caller in a tenant only the events of that tenant, with any filter', async () => {
    const action = `test.${randomUUID()}`;
    const queries = ['', `action=${action}`, 'tenant=rival', `tenant=rival&action=${action}`];
    const streams = await Promise.all(queries.map((query) => open(query, { 'x-test-tenant': 'acme' })));
    const all = await open(`action=${action}`);
    await record(app, { action, tenantId: 'rival' }, 'theirs');
    await record(app, { action }, 'of nobody');
    await record(app, { action, tenantId: 'acme' }, 'ours');
    await all.has(3);
    const seen = () => streams.map((stream) => stream.ofAction(action).map(({ data }) => data.target as string));
    await until('both streams have the event of their tenant', () => seen().flat().length >= 2);
    expect(seen()).toEqual([['ours'], ['ours'], [], []]);
    for (const stream of [...streams, all]) {
      expect(stream.of('audit').some(({ data }) => data.tenantId === 'rival')).toBe(stream === all);
      stream.close();
    }
  });

  it('refuses an invalid cursor, an invalid filter, and a caller without permission', async () => {
    expect((await app.get('/audit/events/stream', { token, headers: { 'last-event-id': '1; x' } })).status).toBe(400);
    expect((await app.get('/audit/events/stream?from=2026-01-01', { token })).status).toBe(400);
    expect((await app.get('/audit/events/stream')).status).toBe(401);
    const user = await app.register();
    expect((await app.get('/audit/events/stream', { token: user.token })).status).toBe(403);
  });

  it('ends with a message at shutdown, and the shutdown does not wait for it', async () => {
    const other = await TestApp.start({ HTTP_ADAPTER, DATABASE_URL: await testDatabase(), ...ADMIN });
    const visitor = await other.login(ADMIN.ADMIN_EMAIL, ADMIN.ADMIN_PASSWORD);
    const stream = await EventStream.open(`${other.baseUrl}/audit/events/stream`, {
      authorization: `Bearer ${visitor.token}`,
    });
    await until('the stream has started', () => stream.text !== '');
    await other.stop();
    await until('the stream has ended', () => stream.isEnded);
    expect(stream.of('end').map(({ data }) => data)).toEqual([{ reason: 'shutdown' }]);
  });
});

describe('a live tail', () => {
  let app: AuditApp;
  beforeAll(async () => {
    app = await AuditApp.start(await ownDatabase(), { maxTailClients: 2 });
  });
  afterAll(() => app.stop());

  const tailOf = async (options: Partial<TailOptions>) => {
    const feed = app.get(AuditFeed);
    const start = { position: await feed.lastPosition(), index: Number.MAX_SAFE_INTEGER };
    const times = { pollMs: 5, heartbeatMs: 60_000, clientTimeoutMs: 60_000, recheckMs: 60_000 };
    return new TailStream(feed, app.get(FeedEvents), {
      filter: {},
      visibility: 'all',
      start,
      isPruned: false,
      isAllowed: async () => true,
      ...times,
      ...options,
    });
  };
  const textOf = async (stream: TailStream) => {
    let text = '';
    for await (const part of stream) text += String(part);
    return text;
  };

  it('uses little memory and ends if its client reads nothing', async () => {
    const stream = await tailOf({ clientTimeoutMs: 300 });
    const metadata = { filler: 'x'.repeat(2_000) };
    for (let i = 0; i < 3_000; i++) app.audit.record({ action: 'test.flood', outcome: 'success', metadata });
    await app.audit.flush();
    const most: number[] = [];
    await until('the stream is closed', () => most.push(stream.readableLength) > 0 && stream.destroyed, {
      withinMs: 30_000,
    });
    // At most one page of the feed, out of 6 MB of events.
    expect(Math.max(...most)).toBeLessThan(3_000_000);
  });

  it('tells a client that was too slow the reason, after the events already sent', async () => {
    const stream = await tailOf({ clientTimeoutMs: 1_000 });
    let text = '';
    let goOn: (() => void) | undefined;
    // The client continues when the stream closes: later the stream does not wait for its client.
    const finish = vi.spyOn(stream, 'finish').mockImplementation((reason) => {
      TailStream.prototype.finish.call(stream, reason);
      goOn?.();
    });
    const client = new Writable({
      highWaterMark: 1,
      write: (part, _encoding, done) => {
        text += String(part);
        if (text.includes('event: audit') && !goOn) goOn = done;
        else done();
      },
    });
    const taken = once(client, 'finish');
    stream.pipe(client);
    const metadata = { filler: 'x'.repeat(2_000) };
    // The client is busy with the first batch and does not read all of the second.
    for (const count of [100, 400]) {
      for (let i = 0; i < count; i++) app.audit.record({ action: 'test.slow', outcome: 'success', metadata });
      await app.audit.flush();
    }
    await taken;
    expect(finish).toHaveBeenCalled();
    expect(text).toMatch(/data: \{[^\n]*\}\n\nevent: end\ndata: \{"reason":"too-slow"\}\n\n$/);
    expect(text.split('event: audit').length).toBeLessThan(502);
  });

  it('sends a heartbeat with its position if no event matches', async () => {
    const stream = await tailOf({ heartbeatMs: 20, filter: { action: 'test.nothing' } });
    let text = '';
    stream.on('data', (part) => (text += String(part)));
    app.audit.record({ action: 'test.else', outcome: 'success' });
    await app.audit.flush();
    const end = await app.get(AuditFeed).lastPosition();
    await until('the heartbeat contains the position', () => text.includes(`: heartbeat\nid: ${end}\n\n`));
    expect(text).not.toContain('event: audit');
    stream.destroy();
  });

  it('ends for a caller who loses the permission', async () => {
    let isAllowed = true;
    const stream = await tailOf({ recheckMs: 10, isAllowed: async () => isAllowed });
    const text = textOf(stream);
    isAllowed = false;
    expect(await text).toContain('event: end\ndata: {"reason":"unauthorized"}');
  });

  it('is refused when the maximum number of streams is open', async () => {
    const tail = app.get(AuditTail);
    const open = () => tail.open({}, 'all', undefined, async () => true);
    const attempts = await Promise.allSettled([open(), open(), open(), open()]);
    const streams = attempts.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(streams).toHaveLength(2);
    await expect(open()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    for (const stream of streams) stream.destroy();
    await until('a new stream can be opened', () =>
      open().then(
        (stream) => Boolean(stream.destroy()),
        () => false,
      ),
    );
  });

  it('ends if a shutdown begins while the stream is being opened', async () => {
    const ending = await AuditApp.start(await ownDatabase());
    const opening = ending.get(AuditTail).open({}, 'all', undefined, async () => true);
    ending.get(AuditTail).onShutdown();
    expect(await textOf(await opening)).toContain('event: end\ndata: {"reason":"shutdown"}');
    await ending.stop();
  });
});
