import { randomUUID } from 'node:crypto';
import { Controller, Get, Module, Post, VERSION_NEUTRAL } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AUDIT_VOCABULARY } from '../../src/audit/index.js';
import { AuditAccess } from '../../src/authorization/index.js';
import { Management, Public } from '../../src/guards/index.js';
import { ownDatabase } from '../support/database.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

const ADMIN = { ADMIN_EMAIL: `${randomUUID()}@example.com`, ADMIN_PASSWORD: 'who has seen it all' };

/** Actions that the tests of accounts, tenants and API keys cover. */
const SHOWN_ELSEWHERE = /^(?:user|tenant|api_key|workspace)\.|^rate_limit\.shadow|^auth\./;
/** Actions of accounts that this test covers. */
const OF_ACCOUNTS = ['auth.register', 'auth.login', 'auth.logout', 'auth.failed_login', 'auth.token_reuse'];

@Controller({ path: 'vault', version: VERSION_NEUTRAL })
class VaultController {
  @AuditAccess()
  @Get()
  open() {
    return { open: true };
  }

  @Public()
  @Post('calls/:id')
  call() {
    return { called: true };
  }

  @Management()
  @Post('rotate/:key')
  rotate() {
    return { rotated: true };
  }

  @Management()
  @Post('broken')
  broken() {
    throw new TypeError('broken');
  }
}

@Module({ controllers: [VaultController] })
class VaultModule {}

onBothAdapters('the audit vocabulary', (HTTP_ADAPTER) => {
  let app: TestApp;
  let token: string;
  const actionsOf = async (requestId: unknown) =>
    (await app.auditOf(String(requestId))).map(({ action, outcome }) => `${action} ${outcome}`);

  beforeAll(async () => {
    const env = { HTTP_ADAPTER, DATABASE_URL: await ownDatabase(), ...ADMIN, THROTTLE_FAILED_LOGIN_LIMIT: '2' };
    app = await TestApp.start({ ...env, AUDIT_API_REQUESTS: 'mutating' }, { imports: [VaultModule] });
    ({ token } = await app.login(ADMIN.ADMIN_EMAIL, ADMIN.ADMIN_PASSWORD));
  });
  afterAll(() => app.stop());

  it('records admin calls and, if configured, calls that change data, with their outcome', async () => {
    const rotated = await app.post('/vault/rotate/k1', {}, { token });
    expect(await actionsOf(rotated.headers['x-request-id'])).toEqual(['admin.action success', 'api.request success']);
    const [event] = await app.auditOf(String(rotated.headers['x-request-id']));
    expect(event).toMatchObject({
      route: 'POST /vault/rotate/:key',
      actorId: expect.any(String),
      metadata: { status: 201, params: { key: 'k1' } },
    });
    const broken = await app.post('/vault/broken', {}, { token });
    expect(await actionsOf(broken.body.requestId)).toEqual(['admin.action failure', 'api.request failure']);
    const refused = await app.post('/vault/rotate/k1', {});
    expect(await actionsOf(refused.body.requestId)).toEqual(['api.request denied']);
    const read = await app.get('/vault', { token });
    expect(await actionsOf(read.headers['x-request-id'])).toEqual(['access.granted success']);
    const list = await app.get('/audit/events?limit=1', { token });
    expect(await actionsOf(list.headers['x-request-id'])).toEqual(['audit.read success']);
    const probe = await app.get('/health/live');
    expect(await actionsOf(probe.headers['x-request-id'])).toEqual([]);
  });

  it('has a recorded event for each action', async () => {
    const visitor = await app.register();
    const admin = await app.login(ADMIN.ADMIN_EMAIL, ADMIN.ADMIN_PASSWORD);
    await app.post('/auth/refresh', { refreshToken: visitor.refreshToken });
    await app.post('/auth/refresh', { refreshToken: visitor.refreshToken }, { headers: { 'User-Agent': 'thief' } });
    await app.post('/auth/logout', { refreshToken: admin.refreshToken });
    for (let i = 0; i < 4; i++) await app.post('/auth/login', { email: visitor.email, password: 'wrong' });
    const { body } = await app.get('/admin/rate-limits/blocked', { token });
    const [blocked] = body.blocked as { id: string }[];
    await app.delete(`/admin/rate-limits/blocked/${encodeURIComponent(blocked?.id ?? '')}`, { token });
    await app.get('/audit/events', { token });
    await app.get('/audit/events/export', { token });
    await app.get('/vault', { token });
    await app.get('/vault', { token: 'nonsense' });
    await app.get('/audit/events', { token: visitor.token });
    await app.post('/vault/rotate/k1', {}, { token });
    await app.auditOf('-');
    const rows = await app.sql('SELECT action, bool_and(schema_version = 1) AS matches FROM audit_events GROUP BY 1');
    const recorded = new Set(rows.map(({ action }) => action as string));
    const expected = AUDIT_VOCABULARY.map(({ action }) => action).filter((action) => !SHOWN_ELSEWHERE.test(action));
    expect([...OF_ACCOUNTS, ...expected].filter((action) => !recorded.has(action))).toEqual([]);
    expect(rows.filter(({ matches }) => matches !== true)).toEqual([]);
  });
});
