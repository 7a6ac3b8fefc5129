import { createHash, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Controller, Get, Module, Post, VERSION_NEUTRAL } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ApiKeyUses } from '../../src/api-keys/api-key-uses.js';
import { AllowApiKeys, AuthorizationModule, Permissions, Roles } from '../../src/authorization/index.js';
import { CurrentUser } from '../../src/auth/index.js';
import type { Principal } from '../../src/context/index.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import { BY_MESSAGE, waitForSubscriptions } from '../support/revocations.js';
import '../support/problem.js';
import { until } from '../support/until.js';

@Controller({ path: 'shop', version: VERSION_NEUTRAL })
class ShopController {
  @Get('orders')
  @Permissions('orders:read')
  orders(@CurrentUser() { id, roles, tenantId, apiKey }: Principal) {
    return { id, roles, tenantId: tenantId ?? null, keyId: apiKey?.id ?? null };
  }

  @Post('orders')
  @Permissions('orders:write')
  order() {
    return 'done';
  }

  @Get('people')
  @Permissions('orders:read')
  @AllowApiKeys(false)
  people() {
    return 'in';
  }

  @Get('staff')
  @Roles('Seller')
  staff() {
    return 'in';
  }

  @Get('open-to-keys')
  @AllowApiKeys()
  openToKeys() {
    return 'in';
  }

  @Get('plain')
  plain() {
    return 'in';
  }
}

const roles = {
  Seller: { permissions: ['orders:*'] },
  Reader: { permissions: ['orders:read'] },
  TenantMember: { scope: 'tenant' as const, permissions: ['orders:read'] },
};

@Module({ imports: [AuthorizationModule.forRoot({ roles })], controllers: [ShopController] })
class ShopModule {}

const start = (env: Record<string, string>) => TestApp.start(env, { imports: [ShopModule] });

async function visitorWith(app: TestApp, given: string[]): Promise<Visitor> {
  const visitor = await app.register();
  await app.sql('UPDATE users SET roles = $2 WHERE id = $1', [visitor.id, given]);
  return visitor;
}

interface Made {
  id: string;
  key: string;
}

async function keyOf(app: TestApp, { token }: Pick<Visitor, 'token'>, permissions: string[]): Promise<Made> {
  const { status, body, text } = await app.post('/api-keys', { name: 'robot', permissions }, { token });
  if (status !== 201) throw new Error(`no key: ${status} ${text}`);
  return body;
}

const codeOf = async (app: TestApp, path: string, key: string): Promise<unknown> => {
  const { status, body } = await app.get(path, { token: key });
  return body?.code ?? status;
};

onBothAdapters('an API key', (adapter) => {
  let app: TestApp;
  let admin: Visitor;
  beforeAll(async () => {
    app = await start({ HTTP_ADAPTER: adapter });
    admin = await visitorWith(app, ['Admin']);
  });
  afterAll(() => app.stop());

  it('is shown once, has a format that secret scanners find, and is stored as a hash', async () => {
    const owner = await visitorWith(app, ['Seller']);
    const body = { name: 'robot', permissions: ['orders:write', 'orders:read'], expiresInDays: 7 };
    const made = await app.post('/api-keys', body, { token: owner.token });
    expect(made.status).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    const { key, id } = made.body;
    expect(key).toMatch(/^bwk_[0-9a-f]{32}_[\w-]{43}[0-9a-f]{8}$/);
    const [row] = await app.sql('SELECT encode(secret_hash, $2) AS hash, permissions FROM api_keys WHERE id = $1', [
      id,
      'hex',
    ]);
    expect(row.permissions).toEqual(['orders:read', 'orders:write']);
    expect(row.hash).toBe(createHash('sha256').update(key.slice(37, 80)).digest('hex'));
    const listed = await app.get('/api-keys', { token: owner.token });
    expect(listed.body.keys).toEqual([
      expect.objectContaining({
        id,
        name: 'robot',
        tenantId: null,
        permissions: ['orders:read', 'orders:write'],
        lastUsedAt: null,
      }),
    ]);
    expect(listed.text).not.toContain(row.hash);
    expect(listed.text).not.toContain(key.slice(37, 80));
    const days = (Date.parse(made.body.expiresAt) - Date.parse(made.body.createdAt)) / 86_400_000;
    expect(days).toBe(7);
    expect(await app.auditOf(String(made.headers['x-request-id']))).toEqual([
      expect.objectContaining({ action: 'api_key.create', actorId: owner.id, target: `api-key:${id}` }),
    ]);
  });

  it('acts for its owner with its own permissions and no roles, and audit events name the key', async () => {
    const owner = await visitorWith(app, ['Seller']);
    const { id, key } = await keyOf(app, owner, ['orders:read']);
    const answer = await app.get('/shop/orders', { token: key });
    expect(answer.body).toEqual({ id: owner.id, roles: [], tenantId: null, keyId: id });
    const denied = await app.post('/shop/orders', {}, { token: key });
    expect(denied).toBeProblem({ status: 403, code: 'ACCESS_DENIED' });
    expect((await app.post('/shop/orders', {}, { token: owner.token })).status).toBe(201);
    expect(await app.auditOf(String(denied.headers['x-request-id']))).toEqual([
      expect.objectContaining({
        actorId: owner.id,
        metadata: expect.objectContaining({ reason: 'permission', apiKeyId: id }),
      }),
    ]);
  });

  it('is accepted only by routes that require a permission or allow keys: not for accounts or sessions', async () => {
    const { key, id } = await keyOf(app, admin, ['orders:read', 'tenant:members:write']);
    expect(await codeOf(app, '/shop/orders', key)).toBe(200);
    expect(await codeOf(app, '/shop/open-to-keys', key)).toBe(200);
    const calls: [string, string, object?][] = [
      ['GET', '/shop/plain'],
      ['GET', '/shop/people'],
      ['GET', '/shop/staff'],
      ['GET', '/auth/profile'],
      ['PATCH', '/auth/profile', { name: 'X' }],
      ['POST', '/auth/change-password', { currentPassword: admin.password, newPassword: 'a new and better one' }],
      ['POST', '/auth/delete-account', { currentPassword: admin.password }],
      ['POST', '/auth/change-email', { newEmail: 'x@example.com', currentPassword: admin.password }],
      ['GET', '/auth/sessions'],
      ['DELETE', '/auth/sessions'],
      ['POST', '/auth/logout-all'],
      ['POST', '/auth/switch-tenant', { tenantId: null }],
      ['GET', '/tenants'],
      ['PUT', `/tenants/${randomUUID()}/members/${randomUUID()}`, { roles: [] }],
      ['GET', '/admin/users'],
      ['GET', '/admin/tenants'],
      ['GET', '/audit/events'],
      ['GET', '/admin/rate-limits/blocked'],
      ['GET', '/api-keys'],
      ['POST', '/api-keys', { name: 'child', permissions: ['orders:read'] }],
      ['DELETE', `/api-keys/${id}`],
      ['DELETE', `/admin/api-keys/${id}`],
    ];
    for (const [method, path, body] of calls) {
      const answer = await app.send(method, path, { token: key, body });
      expect({ path, code: answer.body?.code }).toEqual({ path, code: 'API_KEY_NOT_ACCEPTED' });
    }
    expect(await codeOf(app, '/shop/orders', key)).toBe(200);
  });

  it('is not created with wildcards or with permissions that its owner does not have', async () => {
    const owner = await visitorWith(app, ['Reader']);
    const make = (permissions: unknown) => app.post('/api-keys', { name: 'x', permissions }, { token: owner.token });
    expect((await make(['orders:read'])).status).toBe(201);
    for (const beyond of [['orders:write'], ['orders:read', 'users:delete']]) {
      expect(await make(beyond)).toBeProblem({ status: 403, code: 'ACCESS_DENIED' });
    }
    for (const bad of [['*'], ['orders:*'], [''], [], 'orders:read', [1], ['orders:read\n'], ['a b']]) {
      expect(await make(bad)).toBeProblem({ status: 400, code: 'VALIDATION_FAILED' });
    }
    for (const extra of [
      { userId: admin.id },
      { tenantId: randomUUID() },
      { roles: ['Admin'] },
      { expiresInDays: 9_999 },
    ]) {
      const body = { name: 'x', permissions: ['orders:read'], ...extra };
      expect((await app.post('/api-keys', body, { token: owner.token })).status).toBe(400);
    }
  });

  it('loses each permission that its owner loses, from the next request', async () => {
    const owner = await visitorWith(app, ['Seller']);
    const { key } = await keyOf(app, owner, ['orders:read', 'orders:write']);
    const write = async () => (await app.post('/shop/orders', {}, { token: key })).status;
    expect(await write()).toBe(201);
    const change = (body: object) => app.patch(`/admin/users/${owner.id}`, body, { token: admin.token });
    await change({ roles: ['Reader'] });
    expect([await write(), await codeOf(app, '/shop/orders', key)]).toEqual([403, 200]);
    await change({ roles: ['Seller'] });
    expect(await write()).toBe(201);
    await change({ locked: true });
    expect(await codeOf(app, '/shop/orders', key)).toBe('API_KEY_REVOKED');
  });

  it('can be revoked only by its owner or an administrator, and is refused after that', async () => {
    const [owner, stranger] = [await visitorWith(app, ['Seller']), await visitorWith(app, ['Seller'])];
    const [one, two] = [await keyOf(app, owner, ['orders:read']), await keyOf(app, owner, ['orders:read'])];
    expect([await codeOf(app, '/shop/orders', one.key), await codeOf(app, '/shop/orders', two.key)]).toEqual([
      200, 200,
    ]);
    const foreign = await app.delete(`/api-keys/${one.id}`, { token: stranger.token });
    const missing = await app.delete(`/api-keys/${randomUUID()}`, { token: stranger.token });
    expect([foreign.status, missing.status, foreign.body.detail]).toEqual([404, 404, missing.body.detail]);
    expect((await app.delete(`/admin/api-keys/${one.id}`, { token: stranger.token })).status).toBe(403);
    expect(await codeOf(app, '/shop/orders', one.key)).toBe(200);
    expect((await app.delete(`/api-keys/${one.id.toUpperCase()}`, { token: owner.token })).status).toBe(204);
    expect((await app.delete(`/admin/api-keys/${two.id}`, { token: admin.token })).status).toBe(204);
    for (const { key } of [one, two]) {
      const answer = await app.get('/shop/orders', { token: key });
      expect(answer).toBeProblem({ status: 401, code: 'API_KEY_REVOKED' });
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="api", error="invalid_token"/);
    }
    expect((await app.get('/api-keys', { token: owner.token })).body.keys).toEqual([]);
  });

  it('is refused after it expires', async () => {
    const owner = await visitorWith(app, ['Seller']);
    const { id, key } = await keyOf(app, owner, ['orders:read']);
    await app.sql('UPDATE api_keys SET expires_at = now() WHERE id = $1', [id]);
    expect(await codeOf(app, '/shop/orders', key)).toBe('API_KEY_EXPIRED');
  });

  it('gets the same error if it is mistyped, cut or invented, so that no caller learns which keys exist', async () => {
    const owner = await visitorWith(app, ['Seller']);
    const { key, id } = await keyOf(app, owner, ['orders:read']);
    const withSum = (body: string) => body + crc32(body).toString(16).padStart(8, '0');
    const other = await keyOf(app, owner, ['orders:read']);
    const details = new Set<string>();
    for (const bad of [
      'bwk_',
      key.slice(0, -1),
      `${key}0`,
      key.toUpperCase().replace('BWK_', 'bwk_'),
      key.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      withSum(`${key.slice(0, 37)}${'A'.repeat(43)}`),
      withSum(`${key.slice(0, 37)}${other.key.slice(37, 80)}`),
      withSum(`bwk_${randomUUID().replaceAll('-', '')}_${key.slice(37, 80)}`),
      withSum(`bwk_${'0'.repeat(32)}_${'A'.repeat(43)}`),
    ]) {
      const answer = await app.get('/shop/orders', { token: bad });
      expect(answer).toBeProblem({ status: 401, code: 'API_KEY_INVALID' });
      details.add(answer.body.detail);
    }
    expect(details.size).toBe(1);
    await app.delete(`/api-keys/${id}`, { token: owner.token });
    // Only a caller with the complete key learns that it is revoked.
    expect(await codeOf(app, '/shop/orders', withSum(`${key.slice(0, 37)}${'A'.repeat(43)}`))).toBe('API_KEY_INVALID');
    expect(await codeOf(app, '/shop/orders', key)).toBe('API_KEY_REVOKED');
  });

  it('is accepted only in the Authorization header', async () => {
    const { key } = await keyOf(app, await visitorWith(app, ['Seller']), ['orders:read']);
    for (const headers of [
      { 'X-API-Key': key },
      { Cookie: `__Host-bulwark-access=${key}` },
      { 'X-Access-Token': key },
    ]) {
      const answer = await app.get(`/shop/orders?access_token=${key}`, {
        headers: headers as unknown as Record<string, string>,
      });
      expect(answer.body.code).toBe('AUTH_TOKEN_MISSING');
    }
  });

  it('belongs to the tenant in which it was created, and is revoked when the membership ends', async () => {
    const owner = await app.register();
    const tenantId = randomUUID();
    await app.sql('INSERT INTO tenants (id, name) VALUES ($1, $2)', [tenantId, 'T']);
    await app.sql(`INSERT INTO tenant_members (tenant_id, user_id, roles) VALUES ($1, $2, '{TenantMember}')`, [
      tenantId,
      owner.id,
    ]);
    const { body } = await app.post('/auth/switch-tenant', { tenantId }, { token: owner.token });
    const outside = await app.post('/api-keys', { name: 'x', permissions: ['orders:read'] }, { token: owner.token });
    expect(outside.status).toBe(403);
    const { key } = await keyOf(app, { token: body.accessToken }, ['orders:read']);
    expect((await app.get('/shop/orders', { token: key })).body.tenantId).toBe(tenantId);
    await app.delete(`/admin/tenants/${tenantId}/members/${owner.id}`, { token: admin.token });
    expect(await codeOf(app, '/shop/orders', key)).toBe('API_KEY_REVOKED');
  });

  it('has its time of last use stored, for all keys in one statement', async () => {
    const { id, key } = await keyOf(app, await visitorWith(app, ['Seller']), ['orders:read']);
    const lastUse = async () =>
      (await app.sql('SELECT last_used_at FROM api_keys WHERE id = $1', [id]))[0].last_used_at;
    await app.get('/shop/orders', { token: key });
    // The application does this once a minute, and may do it at this moment.
    await until('the last use is stored', async () => {
      await app.app.get(ApiKeyUses, { strict: false }).flush();
      return (await lastUse()) !== null;
    });
    expect(Date.now() - (await lastUse()).getTime()).toBeLessThan(60_000);
  });
});

describe('API keys', () => {
  it('have their own rate limits, separate from their owner', async () => {
    const app = await start({ THROTTLE_DEFAULT_LIMIT: '30' });
    try {
      const owner = await visitorWith(app, ['Seller']);
      const keys = [await keyOf(app, owner, ['orders:read']), await keyOf(app, owner, ['orders:read'])];
      let address = 0;
      const remaining = async (token: string) => {
        const answer = await app.get('/shop/orders', { token, from: `127.9.9.${++address}` });
        return Number(/r=(\d+)/.exec(String(answer.headers['ratelimit']))?.[1]);
      };
      const [one = { key: '' }, two = { key: '' }] = keys;
      expect([await remaining(one.key), await remaining(one.key), await remaining(two.key)]).toEqual([29, 28, 29]);
    } finally {
      await app.stop();
    }
  });
});

describe.each([
  ['PostgreSQL', () => ({})],
  ['Redis', () => ({ REDIS_URL: inject('redisUrl') })],
])('two replicas that share revocations over %s', (_transport, env) => {
  it('both refuse a revoked key after the other replica receives the message', async () => {
    const [one, other] = await Promise.all([start(env()), start(env())]);
    try {
      const owner = await visitorWith(one, ['Seller']);
      const { id, key } = await keyOf(one, owner, ['orders:read']);
      await waitForSubscriptions(other);
      expect(await codeOf(other, '/shop/orders', key)).toBe(200);
      await one.delete(`/api-keys/${id}`, { token: owner.token });
      expect(await codeOf(one, '/shop/orders', key)).toBe('API_KEY_REVOKED');
      const isOver = async () => (await codeOf(other, '/shop/orders', key)) === 'API_KEY_REVOKED';
      await until('the other replica refuses the key', isOver, BY_MESSAGE);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
  });
});
