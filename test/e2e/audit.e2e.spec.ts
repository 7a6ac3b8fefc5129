import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  Controller,
  ForbiddenException,
  Get,
  Module,
  Param,
  Post,
  StreamableFile,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Audited, AuditService } from '../../src/audit/index.js';
import { Public } from '../../src/guards/index.js';
import { AuditApp } from '../support/audit-app.js';
import type { Answer } from '../support/client.js';
import { testDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { canMount } from '../support/mount.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

@Public()
@Controller({ path: 'things', version: VERSION_NEUTRAL })
class ThingsController {
  constructor(private readonly audit: AuditService) {}

  @Post(':id/strict')
  strict(@Param('id') id: string) {
    this.audit.record({ action: 'thing.made', outcome: 'success', target: `thing:${id}`, delivery: 'strict' });
    return { id };
  }

  /** Records an event of nearly the largest size. */
  @Post(':id/large')
  large(@Param('id') id: string) {
    const metadata = { texts: Array.from({ length: 7 }, () => 'x'.repeat(2_000)) };
    this.audit.record({
      action: 'thing.made',
      outcome: 'success',
      target: `thing:${id}`,
      delivery: 'durable',
      metadata,
    });
    return { id };
  }

  @Get(':id/streamed')
  streamed(@Param('id') id: string) {
    this.audit.record({ action: 'thing.read', outcome: 'success', target: `thing:${id}`, delivery: 'strict' });
    return new StreamableFile(Readable.from(Array.from({ length: 50 }, () => Buffer.alloc(10_000, 'x'))));
  }

  @Audited({ action: 'thing.changed', target: 'thing:{id}', severity: 'WARNING' })
  @Post(':id')
  change(@Param('id') id: string) {
    if (id === 'forbidden') throw new ForbiddenException();
    if (id === 'broken') throw new TypeError('broken');
    return { id };
  }
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

const SLOW = { AUDIT_FLUSH_INTERVAL: '10m' };

async function journalled(folder: string): Promise<string> {
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.seg'));
  return (await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))).join('');
}

onBothAdapters('an answer', (HTTP_ADAPTER) => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let proxy: TcpProxy;
  let app: TestApp;
  beforeAll(async () => {
    folder = await testFolder();
    proxy = await TcpProxy.to(await testDatabase());
    await proxy.open();
    const env = { HTTP_ADAPTER, AUDIT_JOURNAL_DIR: folder.path, DATABASE_URL: proxy.url };
    app = await TestApp.start({ ...SLOW, ...env, AUDIT_JOURNAL_MAX_SIZE: '1mb' }, { imports: [ThingsModule] });
  });
  afterAll(async () => {
    await app.stop();
    await proxy.close();
    await folder.stop();
  });

  const stored = (requestId: string) => app.sql('SELECT * FROM audit_events WHERE request_id = $1', [requestId]);

  it('waits until a durable event is on disk, but not until it is in the database', async () => {
    const failed = await app.post('/auth/login', { email: 'nobody@example.com', password: 'wrong' });
    expect(failed.status).toBe(401);
    expect(await journalled(folder.path)).toContain(failed.body.requestId);
    expect(await stored(failed.body.requestId)).toEqual([]);
  });

  it('waits until a strict event is in the database', async () => {
    for (let i = 0; i < 20; i++) {
      const answer = await app.post(`/things/${i}/strict`);
      expect(answer.body).toEqual({ id: String(i) });
      expect(await stored(String(answer.headers['x-request-id']))).toHaveLength(1);
    }
  });

  it('is complete when it is streamed', async () => {
    const answer = await app.get('/things/1/streamed');
    expect(answer.status).toBe(200);
    expect(answer.text).toHaveLength(500_000);
  });

  it.each([
    ['a', 'success', 201],
    ['forbidden', 'denied', 403],
    ['broken', 'failure', 500],
  ])('of an @Audited handler, called with %s, records its target and the outcome %s', async (id, outcome, status) => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await app.post(`/things/${id}`, undefined, { headers: { traceparent } });
    expect(answer.status).toBe(status);
    expect(await app.auditOf(String(answer.headers['x-request-id']))).toEqual([
      expect.objectContaining({
        action: 'thing.changed',
        outcome,
        target: `thing:${id}`,
        targets: [`thing:${id}`],
        traceId: '0af7651916cd43dd8448eb211c80319c',
        severity: 'WARNING',
      }),
    ]);
  });

  it('is 503 if a strict event cannot be stored, but an answer with a durable event is still sent', async () => {
    await proxy.close();
    const answer = await app.post('/things/1/strict');
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({
      code: 'AUDIT_UNAVAILABLE',
      status: 503,
      detail: 'An audit event of this request could not be stored. Try again later.',
      requestId: expect.any(String),
    });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect((await app.get('/things/1/streamed')).status).toBe(503);
    const denied = () => app.post('/things/forbidden');
    const durable = await denied();
    expect(durable.status).toBe(403);
    const health = await app.get('/health');
    expect(JSON.stringify(health.body)).toContain('audit');
    // When the journal is full too, no place is left to store an event.
    const areRefused = async (send: () => Promise<Answer>) =>
      (await Promise.all(Array.from({ length: 20 }, send))).some(({ status }) => status === 503);
    const large = () => app.post('/things/1/large');
    await until('the journal has no place for a large event', () => areRefused(large), { everyMs: 0 });
    await until('the journal is full', () => areRefused(denied), { everyMs: 0 });
    await proxy.open();
    await until('events are stored', async () => (await stored(durable.body.requestId)).length === 1);
    await until('events are accepted again', async () => (await denied()).status === 403);
  });
});

describe('the audit trail', () => {
  it('stores only the first event with the same idempotency key and tenant', async () => {
    const app = await AuditApp.start(await testDatabase());
    const [key, action] = [randomUUID(), `test.${randomUUID()}`];
    const record = (tenantId?: string) =>
      app.audit.recordAndWait({ action, outcome: 'success', idempotencyKey: key, tenantId, delivery: 'strict' });
    await record();
    await record();
    await record('acme');
    expect(await app.sql('SELECT tenant_id FROM audit_events WHERE action = $1 ORDER BY id', [action])).toEqual([
      { tenant_id: null },
      { tenant_id: 'acme' },
    ]);
    await app.stop();
  });

  it('stores the schema version if the metadata match the schema, and stores the event in any case', async () => {
    const definition = { action: 'wallet.debit', version: 3, metadata: z.object({ amount: z.number() }) };
    const app = await AuditApp.start(await testDatabase(), { actions: [definition] });
    const target = randomUUID();
    for (const metadata of [{ amount: 1 }, { amount: 'one' }]) {
      await app.audit.recordAndWait({
        action: 'wallet.debit',
        outcome: 'success',
        target,
        metadata,
        delivery: 'strict',
      });
    }
    const rows = await app.sql('SELECT schema_version FROM audit_events WHERE target = $1 ORDER BY id', [target]);
    expect(rows).toEqual([{ schema_version: 3 }, { schema_version: null }]);
    await app.stop();
  });

  it('refuses an action that is registered twice', async () => {
    const again = AuditApp.start(await testDatabase(), { actions: [{ action: 'auth.login', version: 2 }] });
    await expect(again).rejects.toThrow('"auth.login" is registered twice');
  });

  it('stores the other events when the database refuses one event', async () => {
    const app = await AuditApp.start(await testDatabase());
    const target = randomUUID();
    const record = (outcome: string) => app.audit.record({ action: 'test', outcome: outcome as never, target });
    await app.sql(`ALTER TABLE audit_events ADD CONSTRAINT test_poison CHECK (outcome <> 'poison')`);
    try {
      for (let i = 0; i < 30; i++) record(i === 13 ? 'poison' : 'success');
      await app.audit.flush();
      expect(await app.sql('SELECT count(*)::int FROM audit_events WHERE target = $1', [target])).toEqual([
        { count: 29 },
      ]);
    } finally {
      await app.sql('ALTER TABLE audit_events DROP CONSTRAINT test_poison');
      await app.stop();
    }
  });

  it('writes events to the database at once when the journal cannot be created', async () => {
    const folder = await testFolder();
    const file = join(folder.path, 'a-file');
    await writeFile(file, '');
    const app = await AuditApp.start(await testDatabase(), {
      journalDir: join(file, 'journal'),
      flushIntervalMs: 600_000,
    });
    const target = randomUUID();
    await app.audit.recordAndWait({ action: 'auth.login', outcome: 'success', target });
    expect(await app.sql('SELECT action FROM audit_events WHERE target = $1', [target])).toEqual([
      { action: 'auth.login' },
    ]);
    await app.stop();
    await folder.stop();
  });

  it.runIf(canMount())('stores each acknowledged event and refuses the others when the disk is full', async () => {
    const folder = await testFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder.path]);
    const proxy = await TcpProxy.to(await testDatabase());
    await proxy.open();
    const app = await AuditApp.start(proxy.url, {
      journalDir: folder.path,
      journalSegmentBytes: 32_768,
      maxPending: 50,
    });
    const action = `security.${randomUUID()}`;
    try {
      await proxy.close();
      const acked: string[] = [];
      let refused = 0;
      for (let i = 0; refused < 5 && i < 20_000; i++) {
        const recorded = app.audit.recordAndWait({ action, outcome: 'failure', target: String(i) });
        await recorded.then(
          () => acked.push(String(i)),
          () => refused++,
        );
      }
      expect(refused).toBe(5);
      expect(acked.length).toBeGreaterThan(100);
      await proxy.open();
      await until('the database is back', () =>
        app.audit.flush().then(
          () => true,
          () => false,
        ),
      );
      const rows = await app.sql('SELECT target FROM audit_events WHERE action = $1', [action]);
      const stored = rows.map(({ target }) => target as string);
      expect(acked.filter((target) => !stored.includes(target))).toEqual([]);
      expect(new Set(stored).size).toBe(stored.length);
    } finally {
      await app.stop();
      await proxy.close();
      execFileSync('umount', [folder.path]);
      await folder.stop();
    }
  });
});
