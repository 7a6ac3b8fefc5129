import { randomUUID } from 'node:crypto';
import { Controller, Get, Module, VERSION_NEUTRAL } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { AuthorizationModule, inAnyTenant, Authorize, Permissions } from '../../src/authorization/index.js';
import { CurrentTenant } from '../../src/tenants/index.js';
import { Browser } from '../support/browser.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import { BY_MESSAGE, waitForSubscriptions } from '../support/revocations.js';
import '../support/problem.js';
import { until } from '../support/until.js';

@Controller({ path: 'desk', version: VERSION_NEUTRAL })
class DeskController {
  @Get()
  here(@CurrentTenant() tenantId: string) {
    return { tenantId };
  }

  @Get('paint')
  @Permissions('walls:paint')
  paint() {
    return 'painted';
  }

  @Get('inside')
  @Authorize(inAnyTenant)
  inside() {
    return 'in';
  }
}

const roles = {
  TenantOwner: { scope: 'tenant' as const, inherits: ['TenantManager'], permissions: ['tenant:*', 'walls:*'] },
};

@Module({ imports: [AuthorizationModule.forRoot({ roles })], controllers: [DeskController] })
class DeskModule {}

const start = (env: Record<string, string>) => TestApp.start(env, { imports: [DeskModule] });

/** Helper calls for the tests of tenants. */
class Office {
  private constructor(
    readonly app: TestApp,
    readonly admin: Visitor,
  ) {}

  static async of(app: TestApp): Promise<Office> {
    const admin = await app.register();
    await app.sql(`UPDATE users SET roles = '{Admin}' WHERE id = $1`, [admin.id]);
    return new Office(app, admin);
  }

  async tenant(members: Record<string, Visitor> = {}): Promise<string> {
    const { status, body } = await this.app.post(
      '/admin/tenants',
      { name: `T ${randomUUID()}` },
      { token: this.admin.token },
    );
    if (status !== 201) throw new Error(`no tenant: ${status}`);
    for (const [role, { id }] of Object.entries(members)) await this.set(body.id, id, [role]);
    return body.id;
  }

  async set(tenantId: string, userId: string, memberRoles: string[]): Promise<void> {
    const path = `/admin/tenants/${tenantId}/members/${userId}`;
    const call = { token: this.admin.token, body: { roles: memberRoles } };
    const { status, text } = await this.app.send('PUT', path, call);
    if (status !== 204) throw new Error(`no member: ${status} ${text}`);
  }

  remove(tenantId: string, userId: string) {
    return this.app.delete(`/admin/tenants/${tenantId}/members/${userId}`, { token: this.admin.token });
  }

  switch({ token }: Pick<Visitor, 'token'>, tenantId: unknown) {
    return this.app.post('/auth/switch-tenant', { tenantId }, { token });
  }

  /** Returns a token of a visitor for a tenant. */
  async tokenIn(visitor: Visitor, tenantId: string): Promise<string> {
    const { status, body } = await this.switch(visitor, tenantId);
    if (status !== 200) throw new Error(`no token: ${status}`);
    return body.accessToken;
  }
}

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

onBothAdapters('tenants', (adapter) => {
  let app: TestApp;
  let office: Office;
  beforeAll(async () => {
    app = await start({ HTTP_ADAPTER: adapter });
    office = await Office.of(app);
  });
  afterAll(() => app.stop());

  it('are listed for their members, with the roles of the member in each tenant', async () => {
    const user = await app.register();
    const [first] = [await office.tenant({ TenantOwner: user }), await office.tenant()];
    const second = await office.tenant({ TenantMember: user });
    const token = await office.tokenIn(user, second);
    const { body } = await app.get('/tenants', { token });
    expect(body.tenants).toHaveLength(2);
    expect(body.tenants).toEqual(
      expect.arrayContaining([
        { id: first, name: expect.any(String), roles: ['TenantOwner'], current: false },
        { id: second, name: expect.any(String), roles: ['TenantMember'], current: true },
      ]),
    );
  });

  it('are selected with a new token for the tenant and its roles; the old token does not change', async () => {
    const user = await app.register();
    const [one, two] = [await office.tenant({ TenantOwner: user }), await office.tenant({ TenantMember: user })];
    expect((await app.get('/desk', { token: user.token })).body.code).toBe('TENANT_REQUIRED');
    const [inOne, inTwo] = [await office.tokenIn(user, one), await office.tokenIn(user, two)];
    expect(claimsOf(inOne)).toMatchObject({ tenant: one, roles: ['User', 'TenantOwner'], sub: user.id });
    expect(claimsOf(inTwo)).toMatchObject({ tenant: two, roles: ['User', 'TenantMember'] });
    expect(claimsOf(user.token)).not.toHaveProperty('tenant');
    const deskOf = async (token: string) => (await app.get('/desk', { token })).body.tenantId;
    expect([await deskOf(inOne), await deskOf(inTwo)]).toEqual([one, two]);
    const paint = async (token: string) => (await app.get('/desk/paint', { token })).status;
    expect([await paint(inOne), await paint(inTwo), await paint(user.token)]).toEqual([200, 403, 403]);
    const back = (await office.switch({ token: inOne }, null)).body.accessToken;
    expect(claimsOf(back)).not.toHaveProperty('tenant');
    expect((await app.get('/desk/inside', { token: back })).status).toBe(403);
  });

  it('stay selected after a refresh', async () => {
    const user = await app.register();
    const tenantId = await office.tenant({ TenantMember: user });
    await office.tokenIn(user, tenantId);
    const refreshed = await app.post('/auth/refresh', { refreshToken: user.refreshToken });
    expect(claimsOf(refreshed.body.accessToken).tenant).toBe(tenantId);
    await office.remove(tenantId, user.id);
    const again = await app.post('/auth/refresh', { refreshToken: refreshed.body.refreshToken });
    expect(again.status).toBe(200);
    expect(claimsOf(again.body.accessToken)).toMatchObject({ roles: ['User'] });
    expect(claimsOf(again.body.accessToken)).not.toHaveProperty('tenant');
  });

  it('give the same 404 for a foreign and an unknown tenant, and the attempt is audited', async () => {
    const [stranger, tenantId] = [await app.register(), await office.tenant()];
    const [foreign, missing] = [await office.switch(stranger, tenantId), await office.switch(stranger, randomUUID())];
    expect(foreign).toBeProblem({ status: 404, code: 'NOT_FOUND' });
    expect([missing.status, missing.body.detail]).toEqual([404, foreign.body.detail]);
    expect(await app.auditOf(String(foreign.headers['x-request-id']))).toEqual([
      expect.objectContaining({
        action: 'workspace.switch',
        outcome: 'denied',
        actorId: stranger.id,
        target: `tenant:${tenantId}`,
      }),
    ]);
    for (const bad of ['x', 1, {}, [tenantId], '', undefined, `${tenantId}'`]) {
      expect((await office.switch(stranger, bad)).status).toBe(400);
    }
  });

  it('are in the audit events of a switch and of each action in the tenant', async () => {
    const user = await app.register();
    const tenantId = await office.tenant({ TenantMember: user });
    const { headers, body } = await office.switch(user, tenantId);
    expect(await app.auditOf(String(headers['x-request-id']))).toEqual([
      expect.objectContaining({ action: 'workspace.switch', outcome: 'success', tenantId, actorId: user.id }),
    ]);
    const denied = await app.get('/desk/paint', { token: body.accessToken });
    expect(await app.auditOf(String(denied.headers['x-request-id']))).toEqual([
      expect.objectContaining({ action: 'access.denied', tenantId, actorId: user.id }),
    ]);
  });

  it('are closed to a removed member from the next request; other tenants stay open', async () => {
    const user = await app.register();
    const [one, two] = [await office.tenant({ TenantMember: user }), await office.tenant({ TenantMember: user })];
    const [inOne, inTwo] = [await office.tokenIn(user, one), await office.tokenIn(user, two)];
    expect((await app.get('/desk', { token: inOne })).status).toBe(200);
    // In capitals: the cached entry of the user must still be found.
    expect((await office.remove(one, user.id.toUpperCase())).status).toBe(204);
    const answer = await app.get('/desk', { token: inOne });
    expect(answer).toBeProblem({ status: 401, code: 'AUTH_TENANT_REVOKED' });
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    expect((await app.get('/desk', { token: inTwo })).status).toBe(200);
    expect((await app.get('/auth/profile', { token: user.token })).status).toBe(200);
    expect((await office.switch({ token: inTwo }, one)).status).toBe(404);
  });

  it('apply changed roles of a member from the next request', async () => {
    const user = await app.register();
    const tenantId = await office.tenant({ TenantMember: user, TenantOwner: await app.register() });
    const token = await office.tokenIn(user, tenantId);
    const paint = async () => (await app.get('/desk/paint', { token })).status;
    expect(await paint()).toBe(403);
    await office.set(tenantId, user.id, ['TenantOwner']);
    expect(await paint()).toBe(200);
    await office.set(tenantId, user.id, []);
    expect(await paint()).toBe(403);
  });

  it('keep an active owner: a deactivated owner does not count', async () => {
    const [first, second] = [await app.register(), await app.register()];
    const tenantId = await office.tenant({ TenantOwner: first });
    await office.set(tenantId, second.id, ['TenantOwner']);
    const leave = (way: string, { token, password }: typeof first) =>
      app.post(`/auth/${way}-account`, { currentPassword: password }, { token });
    expect((await leave('deactivate', first)).status).toBe(204);
    expect(await leave('delete', second)).toBeProblem({ status: 409, code: 'CONFLICT' });
    expect(await leave('deactivate', second)).toBeProblem({ status: 409, code: 'CONFLICT' });
    expect(await office.remove(tenantId, second.id)).toMatchObject({ status: 409 });
  });

  describe('members', () => {
    const path = (tenantId: string, userId = '') => `/tenants/${tenantId}/members${userId && `/${userId}`}`;

    it('are listed within the tenant, and other users cannot learn that the tenant exists', async () => {
      const [owner, member, stranger] = [await app.register(), await app.register(), await app.register()];
      const tenantId = await office.tenant({ TenantOwner: owner, TenantMember: member });
      const elsewhere = await office.tokenIn(stranger, await office.tenant({ TenantOwner: stranger }));
      const { body } = await app.get(path(tenantId), { token: await office.tokenIn(member, tenantId) });
      expect(body.members.map(({ userId }: { userId: string }) => userId).toSorted()).toEqual(
        [owner.id, member.id].toSorted(),
      );
      const [foreign, missing] = [
        await app.get(path(tenantId), { token: elsewhere }),
        await app.get(path(randomUUID()), { token: elsewhere }),
      ];
      expect(foreign).toBeProblem({ status: 404, code: 'NOT_FOUND' });
      expect(missing.body.detail).toBe(foreign.body.detail);
      expect(await app.auditOf(String(foreign.headers['x-request-id']))).toEqual([
        expect.objectContaining({
          action: 'access.denied',
          metadata: { reason: 'policy', required: ['inTenant(tenantId)'] },
        }),
      ]);
    });

    it('cannot be changed from another tenant, by any route or spelling', async () => {
      const [victim, attacker] = [await app.register(), await app.register()];
      const tenantId = await office.tenant({ TenantMember: victim });
      const token = await office.tokenIn(attacker, await office.tenant({ TenantOwner: attacker }));
      const body = { roles: ['TenantOwner'] };
      for (const id of [tenantId, tenantId.toUpperCase()]) {
        expect((await app.send('PUT', path(id, attacker.id), { token, body })).status).toBe(404);
        expect((await app.send('PUT', path(id, victim.id), { token, body })).status).toBe(404);
        expect((await app.delete(path(id, victim.id), { token })).status).toBe(404);
        expect((await app.send('PUT', `/admin/tenants/${id}/members/${attacker.id}`, { token, body })).status).toBe(
          403,
        );
        expect((await app.delete(`/admin/tenants/${id}`, { token })).status).toBe(403);
      }
      expect(await app.sql('SELECT user_id, roles FROM tenant_members WHERE tenant_id = $1', [tenantId])).toEqual([
        { user_id: victim.id, roles: ['TenantMember'] },
      ]);
    });

    it('cannot get or lose a role that their manager does not have', async () => {
      const [owner, manager, member] = [await app.register(), await app.register(), await app.register()];
      const tenantId = await office.tenant({ TenantOwner: owner, TenantManager: manager, TenantMember: member });
      const token = await office.tokenIn(manager, tenantId);
      const give = async (userId: string, memberRoles: string[]) =>
        (await app.send('PUT', path(tenantId, userId), { token, body: { roles: memberRoles } })).status;
      expect(await give(member.id, ['TenantManager'])).toBe(204);
      expect(await give(member.id, ['TenantOwner'])).toBe(403);
      expect(await give(manager.id, ['TenantOwner'])).toBe(403);
      expect(await give(owner.id, ['TenantMember'])).toBe(403);
      expect((await app.delete(path(tenantId, owner.id), { token })).status).toBe(403);
      expect(await give(member.id, ['Admin'])).toBe(400);
      expect(await give(randomUUID(), ['TenantMember'])).toBe(404);
      expect((await app.delete(path(tenantId, member.id), { token })).status).toBe(204);
    });

    it('without a manager role cannot change members', async () => {
      const member = await app.register();
      const tenantId = await office.tenant({ TenantMember: member });
      const token = await office.tokenIn(member, tenantId);
      const body = { roles: ['TenantOwner'] };
      expect((await app.send('PUT', path(tenantId, member.id), { token, body })).body.code).toBe('ACCESS_DENIED');
    });
  });

  describe('for administrators', () => {
    it('can be created, filled, listed and removed, with audit events, by administrators only', async () => {
      const [owner, user] = [await app.register(), await app.register()];
      const { token } = office.admin;
      const made = await app.post('/admin/tenants', { name: 'Acme', ownerId: owner.id }, { token });
      expect(made.status).toBe(201);
      expect(await app.auditOf(String(made.headers['x-request-id']))).toEqual([
        expect.objectContaining({ action: 'tenant.create', tenantId: made.body.id, actorId: office.admin.id }),
        expect.objectContaining({
          action: 'tenant.member_set',
          metadata: { userId: owner.id, roles: ['TenantOwner'] },
        }),
      ]);
      const found: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page = await app.get(`/admin/tenants${cursor && `?cursor=${cursor}`}`, { token });
        found.push(...page.body.tenants.map(({ id }: { id: string }) => id));
        cursor = page.body.next;
      }
      expect(found).toContain(made.body.id);
      expect(new Set(found).size).toBe(found.length);
      const inTenant = await office.tokenIn(owner, made.body.id);
      expect((await app.get('/desk', { token: inTenant })).status).toBe(200);
      const calls = [
        ['GET', '/admin/tenants'],
        ['POST', '/admin/tenants'],
        ['DELETE', `/admin/tenants/${made.body.id}`],
        ['GET', `/admin/tenants/${made.body.id}/members`],
        ['PUT', `/admin/tenants/${made.body.id}/members/${user.id}`],
        ['DELETE', `/admin/tenants/${made.body.id}/members/${owner.id}`],
      ] as const;
      for (const [method, path] of calls) {
        for (const caller of [user.token, inTenant]) {
          expect((await app.send(method, path, { token: caller, body: { roles: [], name: 'x' } })).status).toBe(403);
        }
      }
      expect((await app.delete(`/admin/tenants/${made.body.id}`, { token })).status).toBe(204);
      expect((await app.get('/desk', { token: inTenant })).body.code).toBe('AUTH_TENANT_REVOKED');
      expect((await app.delete(`/admin/tenants/${made.body.id}`, { token })).status).toBe(404);
    });

    it('are set for a user as a complete list', async () => {
      const user = await app.register();
      const [one, two] = [await office.tenant({ TenantMember: user }), await office.tenant()];
      const inOne = await office.tokenIn(user, one);
      expect((await app.get('/desk', { token: inOne })).status).toBe(200);
      const change = (tenants: unknown) =>
        app.patch(`/admin/users/${user.id}`, { tenants }, { token: office.admin.token });
      const changed = await change([{ id: two, roles: ['TenantOwner'] }]);
      expect(changed.status).toBe(200);
      expect(await app.auditOf(String(changed.headers['x-request-id']))).toEqual([
        expect.objectContaining({
          action: 'user.tenants_change',
          metadata: { before: { [one]: ['TenantMember'] }, after: { [two]: ['TenantOwner'] } },
        }),
      ]);
      expect((await app.get('/desk', { token: inOne })).body.code).toBe('AUTH_TENANT_REVOKED');
      await office.tokenIn(user, two);
      for (const bad of [
        [{ id: randomUUID(), roles: ['TenantOwner'] }],
        [{ id: two, roles: ['Admin'] }],
        [{ id: 'x', roles: [] }],
        [{ id: two, roles: [], owner: true }],
        'all',
      ]) {
        expect(await change(bad)).toBeProblem({ status: 400, code: 'VALIDATION_FAILED' });
      }
      expect(await app.sql('SELECT tenant_id FROM tenant_members WHERE user_id = $1', [user.id])).toEqual([
        { tenant_id: two },
      ]);
    });
  });

  it('are not taken from the body, the query or the headers of a client', async () => {
    const [user, tenantId] = [await app.register(), await office.tenant()];
    const email = `${randomUUID()}@example.com`;
    const account = { email, password: 'correct horse battery', name: 'X' };
    for (const extra of [
      { tenantId },
      { tenant: tenantId },
      { roles: ['TenantOwner'] },
      { tenants: [{ id: tenantId, roles: [] }] },
    ]) {
      expect((await app.post('/auth/register', { ...account, ...extra })).status).toBe(400);
      expect((await app.patch('/auth/profile', { name: 'X', ...extra }, { token: user.token })).status).toBe(400);
    }
    for (const header of ['X-Tenant-Id', 'X-Tenant']) {
      const headers = { [header]: tenantId };
      expect((await app.get(`/desk?tenantId=${tenantId}`, { token: user.token, headers })).body.code).toBe(
        'TENANT_REQUIRED',
      );
    }
  });
});

describe('in an application with cookies', () => {
  it('the token for another tenant is set as a cookie, and scripts cannot read it', async () => {
    const app = await start({ AUTH_COOKIES: 'strict' });
    try {
      const browser = new Browser(app);
      const email = `${randomUUID()}@example.com`;
      const { body } = await browser.post('/auth/register', { email, password: 'correct horse battery', name: 'X' });
      const tenantId = randomUUID();
      await app.sql('INSERT INTO tenants (id, name) VALUES ($1, $2)', [tenantId, 'T']);
      await app.sql('INSERT INTO tenant_members (tenant_id, user_id, roles) VALUES ($1, $2, $3)', [
        tenantId,
        body.user.id,
        [],
      ]);
      expect(
        (await browser.post('/auth/switch-tenant', { tenantId }, { headers: { 'X-CSRF-Token': 'x' } })).status,
      ).toBe(403);
      const switched = await browser.post('/auth/switch-tenant', { tenantId });
      expect([switched.status, Object.keys(switched.body).toSorted()]).toEqual([200, ['csrfToken', 'expiresIn']]);
      expect((await browser.get('/desk')).body).toEqual({ tenantId });
      await browser.post('/auth/refresh');
      expect((await browser.get('/desk')).body).toEqual({ tenantId });
    } finally {
      await app.stop();
    }
  });
});

describe.each([
  ['PostgreSQL', () => ({})],
  ['Redis', () => ({ REDIS_URL: inject('redisUrl') })],
])('two replicas that share revocations over %s', (_transport, env) => {
  it('both end a membership after the other replica receives the message', async () => {
    const [one, other] = await Promise.all([start(env()), start(env())]);
    try {
      const office = await Office.of(one);
      const user = await one.register();
      const tenantId = await office.tenant({ TenantMember: user });
      const token = await office.tokenIn(user, tenantId);
      await waitForSubscriptions(other);
      expect((await other.get('/desk', { token })).status).toBe(200);
      await office.remove(tenantId, user.id);
      const isOver = async () => (await other.get('/desk', { token })).body.code === 'AUTH_TENANT_REVOKED';
      await until('the membership has ended on the other replica', isOver, BY_MESSAGE);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
  });
});
