import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Body, Controller, Get, Injectable, Module, Param, Post, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  allOf,
  anyOf,
  AnyPermission,
  AuditAccess,
  Authorize,
  AuthorizationModule,
  hasPermission,
  hasRole,
  not,
  ownerOf,
  param,
  Permissions,
  Roles,
  type Access,
  type AccessPolicy,
  type AuthorizationModuleOptions,
} from '../../src/authorization/index.js';
import { Public } from '../../src/guards/index.js';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import '../support/problem.js';

const OPTIONS: AuthorizationModuleOptions = {
  roles: {
    Admin: { inherits: ['Manager'], permissions: ['*'] },
    Manager: { inherits: ['User'], permissions: ['orders:approve', 'reports:*'] },
    Auditor: { permissions: ['reports:read'] },
    User: { permissions: ['orders:read'] },
  },
  permissions: ['orders:read', 'orders:approve', 'reports:read', 'reports:write', 'payouts:run'],
  sensitivePermissions: ['payouts:run'],
};

/** Replaces a table with the owner of each order. */
const owners = new Map<string, string>();

@Injectable()
class OwnsOrder implements AccessPolicy {
  async check({ principal, request }: Access): Promise<boolean> {
    await Promise.resolve();
    return owners.get(request.params['id'] ?? '') === principal.id;
  }
}

@Controller({ path: 'shop', version: VERSION_NEUTRAL })
class ShopController {
  @Get('known')
  known() {
    return 'in';
  }

  @Get('user')
  @Roles('User')
  user() {
    return 'in';
  }

  @Get('manager')
  @Roles('Manager')
  manager() {
    return 'in';
  }

  @Get('admin-or-auditor')
  @Roles('Admin', 'Auditor')
  adminOrAuditor() {
    return 'in';
  }

  @Get('read')
  @Permissions('orders:read')
  read() {
    return 'in';
  }

  @Get('read-and-approve')
  @Permissions('orders:read', 'orders:approve')
  readAndApprove() {
    return 'in';
  }

  @Get('reports')
  @AnyPermission('reports:read', 'reports:write')
  reports() {
    return 'in';
  }

  @Get('manager-reports')
  @Roles('Manager')
  @Permissions('reports:write')
  managerReports() {
    return 'in';
  }

  @Get('payouts')
  @Permissions('payouts:run')
  payouts() {
    return 'in';
  }

  @Get('policy')
  @Authorize(allOf(hasPermission('orders:read'), not(hasRole('Manager'))))
  policy() {
    return 'in';
  }

  @Get('users/:id')
  @Authorize(anyOf(hasPermission('orders:approve'), ownerOf(param('id'))))
  ofUser() {
    return 'in';
  }

  @Get('orders/:id')
  @Authorize(anyOf(hasRole('Manager'), OwnsOrder), { hideAs: 'There is no such order.' })
  order(@Param('id') id: string) {
    return { id };
  }

  @Post('broken')
  @Authorize(() => {
    throw new Error('the policy breaks');
  })
  broken(@Body() body: unknown) {
    return body;
  }

  @Get('watched')
  @AuditAccess()
  watched() {
    return 'in';
  }
}

@Controller({ path: 'nested', version: VERSION_NEUTRAL })
@Permissions('orders:read')
@Authorize(not(hasRole('Auditor')))
class NestedController {
  @Get('more')
  @Permissions('orders:approve')
  more() {
    return 'in';
  }

  @Get()
  plain() {
    return 'in';
  }
}

@Module({ controllers: [ShopController, NestedController], providers: [OwnsOrder] })
class ShopModule {}

const start = (adapter: string, module: Type = ShopModule, options = OPTIONS) =>
  TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [AuthorizationModule.forRoot(options), module] });

const ROUTES = [
  'known',
  'user',
  'manager',
  'admin-or-auditor',
  'read',
  'read-and-approve',
  'reports',
  'manager-reports',
  'payouts',
  'policy',
];

/** The routes that each user can call, in the order of {@link ROUTES}. */
const MATRIX: [string, string[], string][] = [
  ['a user without roles', [], 'y.........'],
  ['a User', ['User'], 'yy..y....y'],
  ['an Auditor', ['Auditor'], 'y..y..y...'],
  ['an Auditor and User', ['Auditor', 'User'], 'yy.yy.y..y'],
  ['a Manager', ['Manager'], 'yyy.yyyy..'],
  ['an Admin', ['Admin'], 'yyyyyyyyy.'],
  ['a user with an undefined role', ['Root'], 'y.........'],
  ['a user with the name of a tenant role', ['TenantOwner'], 'y.........'],
];

onBothAdapters('authorization', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await start(adapter)));
  afterAll(() => app.stop());

  async function visitorWith(roles: string[]): Promise<Visitor> {
    const visitor = await app.register();
    await app.sql('UPDATE users SET roles = $2 WHERE id = $1', [visitor.id, roles]);
    return visitor;
  }

  it.each(MATRIX)('allows %s only the routes of its roles', async (_who, roles, expected) => {
    const { token } = await visitorWith(roles);
    const verdicts = [];
    for (const route of ROUTES) {
      const { status } = await app.get(`/shop/${route}`, { token });
      verdicts.push(status === 200 ? 'y' : status === 403 ? '.' : status);
    }
    expect(verdicts.join('')).toBe(expected);
  });

  it('refuses every request without a token', async () => {
    for (const route of ROUTES) expect((await app.get(`/shop/${route}`)).body.code).toBe('AUTH_TOKEN_MISSING');
  });

  it('requires the permissions of the controller and of the handler', async () => {
    const verdicts = async (roles: string[]) => {
      const { token } = await visitorWith(roles);
      return [(await app.get('/nested', { token })).status, (await app.get('/nested/more', { token })).status];
    };
    expect(await verdicts(['User'])).toEqual([200, 403]);
    expect(await verdicts(['Manager'])).toEqual([200, 200]);
    expect(await verdicts(['Manager', 'Auditor'])).toEqual([403, 403]);
  });

  it.each([
    '/shop/manager',
    '/shop/manager/',
    '//shop/manager',
    '/shop/manager?x=1',
    '/shop/%6danager',
    '/SHOP/MANAGER',
  ])('cannot be bypassed by another spelling of the path: %s', async (path) => {
    const { token } = await visitorWith(['User']);
    for (const method of ['GET', 'HEAD'])
      expect([403, 404]).toContain((await app.send(method, path, { token })).status);
  });

  it('answers 403 with the missing role or permission, and audits the reason', async () => {
    const user = await visitorWith(['User']);
    const lacking = async (path: string) => {
      const answer = await app.get(path, { token: user.token });
      expect(answer).toBeProblem({ status: 403, code: 'ACCESS_DENIED' });
      const [event] = await app.auditOf(String(answer.headers['x-request-id']));
      expect(event).toMatchObject({ action: 'access.denied', outcome: 'denied', actorId: user.id });
      return [answer.body.detail, event?.metadata];
    };
    expect(await lacking('/shop/manager')).toEqual([
      'This route needs the role Manager.',
      { reason: 'role', required: ['Manager'] },
    ]);
    expect(await lacking('/shop/read-and-approve')).toEqual([
      'This route needs the permission orders:approve.',
      { reason: 'permission', required: ['orders:read', 'orders:approve'] },
    ]);
    expect(await lacking(`/shop/users/${randomUUID()}`)).toEqual([
      'You are not allowed to do this.',
      { reason: 'policy', required: ['anyOf(hasPermission(orders:approve), ownerOf(id))'] },
    ]);
    const metrics = await app.get('/metrics');
    expect(metrics.text).toMatch(/access_denied_total\{reason="policy"\} [1-9]/);
  });

  it('allows owners their own resource, and callers with the permission every resource', async () => {
    const [owner, other, manager] = [
      await visitorWith(['User']),
      await visitorWith(['User']),
      await visitorWith(['Manager']),
    ];
    const statusFor = async ({ token }: Visitor) => (await app.get(`/shop/users/${owner.id}`, { token })).status;
    expect([await statusFor(owner), await statusFor(other), await statusFor(manager)]).toEqual([200, 403, 200]);
  });

  it('waits for a policy provider, and answers 404 to hide the resource', async () => {
    const [owner, other, manager] = [
      await visitorWith(['User']),
      await visitorWith(['User']),
      await visitorWith(['Manager']),
    ];
    const id = randomUUID();
    owners.set(id, owner.id);
    const get = (which: string, { token }: Visitor) => app.get(`/shop/orders/${which}`, { token });
    expect((await get(id, owner)).body).toEqual({ id });
    expect((await get(id, manager)).status).toBe(200);
    const [foreign, missing] = [await get(id, other), await get(randomUUID(), other)];
    expect(foreign).toBeProblem({ status: 404, code: 'NOT_FOUND' });
    expect([foreign.body.detail, foreign.body.title]).toEqual([missing.body.detail, missing.body.title]);
    expect(await app.auditOf(String(foreign.headers['x-request-id']))).toEqual([
      expect.objectContaining({
        action: 'access.denied',
        metadata: { reason: 'policy', required: ['anyOf(hasRole(Manager), OwnsOrder)'] },
      }),
    ]);
  });

  it('refuses the request if a policy throws an error', async () => {
    const { token } = await visitorWith(['Admin']);
    expect(await app.post('/shop/broken', {}, { token })).toBeProblem({ status: 500, code: 'INTERNAL_ERROR' });
  });

  it('audits granted access if the route or the permission requires it', async () => {
    const admin = await visitorWith(['Admin']);
    const eventsOf = async (path: string) => {
      const { headers } = await app.get(path, { token: admin.token });
      return app.auditOf(String(headers['x-request-id']));
    };
    const granted = { action: 'access.granted', outcome: 'success', actorId: admin.id };
    expect(await eventsOf('/shop/watched')).toEqual([expect.objectContaining(granted)]);
    expect(await eventsOf('/shop/payouts')).toEqual([
      expect.objectContaining({ ...granted, metadata: { permissions: ['payouts:run'], policies: [] } }),
    ]);
    expect(await eventsOf('/shop/read')).toEqual([]);
  });

  it('lets administrators assign only roles that the configuration defines', async () => {
    const [admin, user] = [await visitorWith(['Admin']), await app.register()];
    const give = (roles: unknown) => app.patch(`/admin/users/${user.id}`, { roles }, { token: admin.token });
    expect((await app.get('/shop/manager', { token: user.token })).status).toBe(403);
    expect((await give(['Manager'])).body.roles).toEqual(['Manager']);
    expect((await app.get('/shop/manager', { token: user.token })).status).toBe(200);
    for (const roles of [['Root'], ['TenantOwner'], ['*'], 'Admin', [null], [['Admin']], ['Manager', 'Root']]) {
      expect(await give(roles)).toBeProblem({ status: 400, code: 'VALIDATION_FAILED' });
    }
    expect((await app.sql('SELECT roles FROM users WHERE id = $1', [user.id]))[0].roles).toEqual(['Manager']);
  });
});

describe('ROLES_FILE', () => {
  it('defines the roles and their permissions', async () => {
    const folder = await testFolder();
    const rolesFile = join(folder.path, 'roles.json');
    const { roles, permissions } = OPTIONS;
    const file = { permissions, roles: { ...roles, User: { permissions: ['orders:read', 'orders:approve'] } } };
    await writeFile(rolesFile, JSON.stringify(file));
    const app = await TestApp.start({ ROLES_FILE: rolesFile }, { imports: [ShopModule] });
    try {
      const { token } = await app.register();
      expect((await app.get('/shop/read-and-approve', { token })).status).toBe(200);
      expect((await app.get('/shop/reports', { token })).status).toBe(403);
    } finally {
      await app.stop();
      await folder.stop();
    }
  });

  it('opens the built-in admin routes only to a role that inherits Admin', async () => {
    const folder = await testFolder();
    const rolesFile = join(folder.path, 'roles.json');
    await writeFile(rolesFile, JSON.stringify({ roles: { Root: { inherits: ['Admin'] }, Clerk: {} } }));
    const app = await TestApp.start({ ROLES_FILE: rolesFile });
    try {
      const user = await app.register();
      const statusesAs = async (role: string) => {
        await app.sql('UPDATE users SET roles = ARRAY[$1] WHERE id = $2', [role, user.id]);
        const { token } = await app.login(user.email, user.password);
        const paths = ['/audit/events', '/admin/rate-limits/blocked', '/admin/users'];
        const statuses = await Promise.all(paths.map(async (path) => (await app.get(path, { token })).status));
        return [...statuses, (await app.get('/health', { token })).body.details.database.waiting !== undefined];
      };
      expect(await statusesAs('Root')).toEqual([200, 200, 200, true]);
      expect(await statusesAs('Clerk')).toEqual([403, 403, 403, false]);
    } finally {
      await app.stop();
      await folder.stop();
    }
  });
});

describe('the application does not start if a route', () => {
  const refusalOf = async (...decorators: MethodDecorator[]) => {
    @Controller('faulty')
    class FaultyController {
      @Get()
      list() {
        return 'in';
      }
    }
    const { prototype } = FaultyController;
    const descriptor = Object.getOwnPropertyDescriptor(prototype, 'list') as PropertyDescriptor;
    for (const decorate of decorators) decorate(prototype, 'list', descriptor);

    @Module({ controllers: [FaultyController] })
    class FaultyModule {}
    const app = await start('fastify', FaultyModule).catch((error: unknown) => error);
    if (app instanceof TestApp) await app.stop();
    return app;
  };

  it.each<[string, MethodDecorator[], RegExp]>([
    [
      'requires an unknown role',
      [Roles('Manger')],
      /FaultyController\.list requires the unknown role "Manger"\. Known roles/,
    ],
    [
      'requires an unknown role in a policy',
      [Authorize(anyOf(hasRole('Manger'), hasRole('Admin')))],
      /requires the unknown role "Manger"/,
    ],
    ['requires an unknown permission', [Permissions('orders:raed')], /the unknown permission "orders:raed"/],
    ['requires a wildcard', [Permissions('orders:*')], /the unknown permission "orders:\*"/],
    ['requires an unknown permission in a policy', [Authorize(not(hasPermission('x')))], /the unknown permission "x"/],
    ['is public and requires a role', [Public(), Roles('User')], /is @Public\(\) and requires roles/],
  ])('%s', async (_what, decorators, message) => {
    expect(await refusalOf(...decorators)).toMatchObject({ message: expect.stringMatching(message) });
  });
});
