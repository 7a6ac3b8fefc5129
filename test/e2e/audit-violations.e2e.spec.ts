import { Controller, Get, Module, Query, VERSION_NEUTRAL } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { ownDatabase } from '../support/database.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { sendBytes } from '../support/socket.js';

const DENIED = '127.7.0.99';

@Public()
@Controller({ path: 'search', version: VERSION_NEUTRAL })
class SearchController {
  @Get()
  search(@Query() query: unknown) {
    return query;
  }
}

@Module({ controllers: [SearchController] })
class SearchModule {}

/** An attack: the rule that refuses it, the status of the answer, and the request. */
type Attempt = [rule: string, status: number, send: (app: TestApp, from: string) => Promise<{ status: number }>];

const JSON_TYPE = { 'Content-Type': 'application/json' };
const post = (body: string) => (app: TestApp, from: string) =>
  app.send('POST', '/auth/login', { body, headers: JSON_TYPE, from });

const ATTEMPTS: Attempt[] = [
  ['reserved_keys', 400, post('{"email":"a@example.com","__proto__":{"roles":["Admin"]}}')],
  ['reserved_keys', 400, (app, from) => app.get('/search?__proto__=1', { from })],
  ['body_shape', 400, post('['.repeat(1_000) + ']'.repeat(1_000))],
  ['control_characters', 400, (app, from) => app.get('/health/live%00', { from })],
  ['request_shape', 405, (app, from) => app.send('PROPFIND', '/auth/login', { from })],
  ['access_token', 401, (app, from) => app.get('/auth/profile', { token: 'eyJhbGciOiJub25lIn0.e30.', from })],
];

onBothAdapters('refused attempts', (HTTP_ADAPTER) => {
  let app: TestApp;
  const violationsOf = async (rule: string, address: string) => {
    await app.auditOf('-');
    return app.sql(
      `SELECT outcome, severity FROM audit_events WHERE action = 'security.violation' AND metadata->>'rule' = $1
         AND coalesce(address, metadata->>'address') LIKE $2`,
      [rule, `%${address}`],
    );
  };

  beforeAll(async () => {
    const env = { HTTP_ADAPTER, DATABASE_URL: await ownDatabase(), IP_DENY: DENIED };
    app = await TestApp.start(env, { imports: [SearchModule] });
  });
  afterAll(() => app.stop());

  it.each(ATTEMPTS.map((attempt, i) => [...attempt, `127.7.0.${i + 1}`] as const))(
    'are recorded as one event: %s',
    async (rule, status, send, from) => {
      for (let i = 0; i < 3; i++) expect((await send(app, from)).status).toBe(status);
      expect(await violationsOf(rule, from)).toEqual([{ outcome: 'denied', severity: 'WARNING' }]);
    },
  );

  it('are recorded as one event: a denied address', async () => {
    for (let i = 0; i < 3; i++) expect((await app.get('/auth/profile', { from: DENIED })).status).toBe(403);
    expect(await violationsOf('address', DENIED)).toHaveLength(1);
  });

  it('are recorded as one event: a request that is not valid HTTP', async () => {
    for (let i = 0; i < 3; i++) {
      expect((await sendBytes(app.baseUrl, 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n')).status).toBe(
        400,
      );
    }
    expect(await violationsOf('malformed_request', '127.0.0.1')).toHaveLength(1);
  });

  it('do not include simple mistakes', async () => {
    const from = '127.7.0.50';
    expect((await post('{"email":')(app, from)).status).toBe(400);
    expect((await post('{"email":1}')(app, from)).status).toBe(400);
    expect(await violationsOf('%', from)).toEqual([]);
    const all = await app.sql(`SELECT 1 FROM audit_events WHERE action = 'security.violation' AND address LIKE $1`, [
      `%${from}`,
    ]);
    expect(all).toEqual([]);
  });

  it('are recorded with their count when the process ends', async () => {
    const url = await ownDatabase();
    const other = await TestApp.start({ HTTP_ADAPTER, DATABASE_URL: url });
    for (let i = 0; i < 4; i++) await other.get('/auth/profile', { token: 'nonsense', from: '127.7.0.60' });
    await other.stop();
    const reader = await TestApp.start({ HTTP_ADAPTER, DATABASE_URL: url });
    const [, end] = await reader.sql(
      `SELECT metadata, request_id FROM audit_events WHERE action = 'security.violation' ORDER BY id`,
    );
    await reader.stop();
    expect(end).toMatchObject({ request_id: null, metadata: { rule: 'access_token', count: 4, ended: true } });
  });
});
