import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditService } from '../../src/audit/index.js';
import { csvCell } from '../../src/audit/export-format.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { TestTenantModule } from '../support/tenant.module.js';

const ADMIN = { ADMIN_EMAIL: `${randomUUID()}@example.com`, ADMIN_PASSWORD: 'the reader of the trail' };

interface Event {
  id: string;
  target: string;
  [field: string]: unknown;
}

onBothAdapters('GET /audit/events', (HTTP_ADAPTER) => {
  let app: TestApp;
  let token: string;
  const action = `test.${randomUUID()}`;
  const record = async (from: number, to: number) => {
    const audit = app.app.get(AuditService);
    for (let i = from; i < to; i++) {
      const outcome = i % 2 ? 'failure' : 'success';
      audit.record({
        action,
        outcome,
        target: `t:${i}`,
        targets: ['all'],
        actorId: `actor-${i % 3}`,
        metadata: { note: '=1+1' },
      });
    }
    await audit.flush();
  };
  const list = (query: string) => app.get(`/audit/events?${query}`, { token });

  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER, ...ADMIN }, { imports: [TestTenantModule] });
    ({ token } = await app.login(ADMIN.ADMIN_EMAIL, ADMIN.ADMIN_PASSWORD));
    await record(0, 25);
  });
  afterAll(() => app.stop());

  it.each(['events', 'events/export', 'verify'])('allows only administrators: %s', async (route) => {
    const user = await app.register();
    expect((await app.get(`/audit/${route}`)).status).toBe(401);
    const denied = await app.get(`/audit/${route}`, { token: user.token });
    expect(denied.status).toBe(403);
    expect(await app.auditOf(denied.body.requestId)).toEqual([
      expect.objectContaining({ action: 'access.denied', actorId: user.id }),
    ]);
  });

  it('gives pages that neither skip nor repeat, while events are inserted', async () => {
    const seen: Event[] = [];
    let after = '';
    for (let i = 0; ; i++) {
      const { body } = await list(`action=${action}&limit=10${after && `&after=${after}`}`);
      seen.push(...body.events);
      if (body.next === null) break;
      after = body.next;
      await record(100 + i, 101 + i);
    }
    expect(seen.map(({ target }) => target)).toEqual(Array.from({ length: 25 }, (_, i) => `t:${24 - i}`));
  });

  it('gives pages that neither skip nor repeat, while several writers insert at once', async () => {
    const audit = app.app.get(AuditService);
    const crowded = `test.${randomUUID()}`;
    const write = (target: string) =>
      audit.recordAndWait({ action: crowded, outcome: 'success', target, delivery: 'strict' });
    for (let i = 0; i < 60; i++) await write(`before:${i}`);
    let isReading = true;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let i = 0; isReading; i++) await write(`during:${writer}-${i}`);
    });
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const { body } = await list(`action=${crowded}&limit=7${next && `&after=${next}`}`);
      seen.push(...(body.events as Event[]).map(({ target }) => target));
      next = body.next as string | null;
    }
    isReading = false;
    await Promise.all(writers);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((target) => target.startsWith('before:'))).toEqual(
      Array.from({ length: 60 }, (_, i) => `before:${59 - i}`),
    );
  });

  it('shows a caller no events of other tenants, with any filter, cursor or export', async () => {
    const audit = app.app.get(AuditService);
    const shared = `test.${randomUUID()}`;
    for (const [tenantId, target] of [
      ['acme', 'ours'],
      ['rival', 'theirs'],
      [undefined, 'of nobody'],
    ] as const) {
      audit.record({ action: shared, outcome: 'success', tenantId, target, targets: ['common'], actorId: 'someone' });
    }
    await audit.flush();
    const all = (await list(`action=${shared}`)).body.events as Event[];
    expect(all).toHaveLength(3);
    const foreign = all.filter(({ target }) => target !== 'ours').map(({ id }) => id);
    const within = { token, headers: { 'x-test-tenant': 'acme' } };
    const cursor = '&after=ffffffff-ffff-7fff-bfff-ffffffffffff';
    const filters = [
      '',
      'tenant=rival',
      'actor=someone',
      'target=common',
      'target=theirs',
      'from=2000-01-01',
      'action=test.*',
    ];
    for (const filter of filters) {
      const { body } = await app.get(`/audit/events?limit=500&${filter}${cursor}`, within);
      expect((body.events as Event[]).map((event) => event['tenantId']).filter((tenant) => tenant !== 'acme')).toEqual(
        [],
      );
      for (const format of ['ndjson', 'csv']) {
        const { text } = await app.get(`/audit/events/export?format=${format}&${filter}`, within);
        expect(foreign.filter((id) => text.includes(id))).toEqual([]);
      }
    }
    const ours = await app.get(`/audit/events?action=${shared}`, within);
    expect((ours.body.events as Event[]).map(({ target }) => target)).toEqual(['ours']);
    expect((await app.get('/audit/verify', within)).status).toBe(403);
  });

  it.each([
    ['outcome=failure&', (event: Event) => event['outcome'] === 'failure'],
    ['severity=INFO&', (event: Event) => event['severity'] === 'INFO'],
    ['actor=actor-1&', (event: Event) => event['actorId'] === 'actor-1'],
    ['target=all&', (event: Event) => (event['targets'] as string[]).includes('all')],
    ['target=t:3&', (event: Event) => event.target === 't:3'],
  ])('filters by %s', async (query, matches) => {
    const { body } = await list(`${query}action=${action}&limit=500`);
    const all = (await list(`action=${action}&limit=500`)).body.events as Event[];
    expect(body.events.length).toBeGreaterThan(0);
    expect(body.events).toEqual(all.filter(matches));
  });

  it('filters by request, by group of actions and by time', async () => {
    const failed = await app.post('/auth/login', { email: 'nobody@example.com', password: 'x' });
    await app.auditOf(failed.body.requestId);
    const { body } = await list(`requestId=${failed.body.requestId}&action=auth.*`);
    expect(body.events).toEqual([expect.objectContaining({ action: 'auth.failed_login' })]);
    const at = body.events[0].occurredAt as string;
    const next = new Date(Date.parse(at) + 1).toISOString();
    const during = async (from: string, to: string) =>
      (await list(`requestId=${failed.body.requestId}&from=${from}&to=${to}`)).body.events.length as number;
    expect(await during(at, next)).toBe(1);
    expect(await during(next, '2999-01-01')).toBe(0);
    expect(await during('2000-01-01', at)).toBe(0);
  });

  it.each(['limit=0', 'limit=501', 'after=x', 'outcome=maybe', 'from=yesterday', 'unknown=1'])(
    'refuses %s',
    async (query) => {
      expect((await list(query)).status).toBe(400);
    },
  );

  it('records who has read the events', async () => {
    const answer = await list(`action=${action}`);
    expect(await app.auditOf(String(answer.headers['x-request-id']))).toEqual([
      expect.objectContaining({ action: 'audit.read', metadata: { action } }),
    ]);
  });

  it('exports more events than one page, as NDJSON and as CSV', async () => {
    await record(1_000, 2_200);
    const expected = (await app.sql('SELECT count(*)::int FROM audit_events WHERE action = $1', [action]))[0].count;
    const ndjson = await app.get(`/audit/events/export?action=${action}`, { token });
    expect(ndjson.headers['content-type']).toContain('application/x-ndjson');
    const events = ndjson.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    expect(new Set(events.map(({ id }) => id)).size).toBe(expected);
    const csv = await app.get(`/audit/events/export?format=csv&action=${action}`, { token });
    expect(csv.headers['content-type']).toContain('text/csv');
    expect(csv.text.trim().split('\r\n')).toHaveLength(expected + 1);
  });

  it('verifies the chain', async () => {
    const { status, body } = await app.get('/audit/verify', { token });
    expect(status).toBe(200);
    expect(body).toMatchObject({ valid: expect.any(Boolean), verified: expect.any(Number) });
  });
});

describe('a CSV cell', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '\uFEFF=1', '＝1'])('is plain text: %j', (text) => {
    expect(csvCell(text)).toBe(`"'${text}"`);
  });

  it('escapes quotes and keeps line breaks inside the quotes', () => {
    expect(csvCell('a","=1\r\nb')).toBe('"a"",""=1\r\nb"');
    expect(csvCell(null)).toBe('');
    expect(csvCell(['=x'])).toBe('"[""=x""]"');
  });
});
