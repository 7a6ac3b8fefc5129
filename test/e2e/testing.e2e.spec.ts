import { Body, Controller, Get, Injectable, Module, Param, Post } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { Audited } from '../../src/audit/index.js';
import { CurrentUser } from '../../src/auth/index.js';
import {
  AllowApiKeys,
  Authorize,
  AuthorizationModule,
  inTenant,
  ownerOf,
  param,
  Permissions,
  Roles,
} from '../../src/authorization/index.js';
import { BulwarkModule } from '../../src/bulwark.module.js';
import { Cached, CacheModule } from '../../src/cache/index.js';
import { currentContext, PrincipalResolver, type Principal } from '../../src/context/index.js';
import { Public } from '../../src/guards/index.js';
import { hardenApp } from '../../src/harden-app.js';
import { Idempotent, IdempotencyModule } from '../../src/idempotency/index.js';
import { AuditTrail, ThrottleTier } from '../../src/ports/index.js';
import {
  actAs,
  actAsAnonymous,
  auditEvents,
  clearAuditEvents,
  MODULES_WITH_DATABASE,
  TestAuditModule,
  TestAuthModule,
  useTestClock,
  type TestClock,
} from '../../src/testing/index.js';
import { ThrottlerModule } from '../../src/throttler/index.js';
import { onBothAdapters } from '../support/harness.js';
import { PlainApp } from '../support/plain-app.js';
import { expectProblem } from '../support/suite-modules.js';

@Injectable()
class Prices {
  loads = 0;

  @Cached({ ttlMs: 60_000, scope: 'public' })
  async load(): Promise<object> {
    return { loads: ++this.loads };
  }
}

@Controller('orders')
class OrdersController {
  private made = 0;

  constructor(
    private readonly audit: AuditTrail,
    private readonly prices: Prices,
  ) {}

  @Get('me')
  @AllowApiKeys()
  me(@CurrentUser() user: Principal): Principal {
    return user;
  }

  @Get('public')
  @Public()
  async open(): Promise<object> {
    const { principal } = currentContext() ?? {};
    return { principal: principal ?? null };
  }

  @Get('admin')
  @Roles('Admin')
  admin(): string {
    return 'admin';
  }

  @Get('report')
  @Permissions('orders:report')
  report(): string {
    return 'report';
  }

  @Get('of/:id')
  @Authorize(ownerOf(param('id')))
  own(): string {
    return 'own';
  }

  @Get('tenants/:tenant')
  @Authorize(inTenant(param('tenant')))
  ofTenant(): string {
    return 'tenant';
  }

  @Post()
  @Audited({ action: 'order.created', target: 'order:{id}' })
  @Idempotent()
  create(@Body() body: object): object {
    this.audit.record({ action: 'order.priced', outcome: 'success', metadata: { password: 'secret', amount: 3 } });
    return { ...body, number: ++this.made };
  }

  @Get('limited/:id')
  @ThrottleTier('small')
  limited(@Param('id') id: string): string {
    return id;
  }

  @Get('prices')
  @Public()
  price(): Promise<object> {
    return this.prices.load();
  }
}

@Module({ controllers: [OrdersController], providers: [Prices] })
class OrdersModule {}

const USER = { id: '11111111-1111-4111-8111-111111111111', roles: ['User'] };
const TIERS = { small: { limit: 2, ttlMs: 60_000 } };
const IMPORTS = [
  AuthorizationModule.forRoot({ permissions: ['orders:report', 'tenant:members:read', 'tenant:members:write'] }),
  ThrottlerModule.forRoot({ tiers: TIERS }),
  CacheModule.forRoot({}),
  IdempotencyModule.forRoot({}),
  TestAuditModule.forRoot(),
  OrdersModule,
];
const start = (adapter: 'express' | 'fastify') =>
  PlainApp.start(adapter, { imports: [TestAuthModule.forRoot({ as: USER }), ...IMPORTS] });

onBothAdapters('nest-bulwark/testing', (adapter) => {
  let app: PlainApp;
  beforeAll(async () => (app = await start(adapter)));
  afterAll(() => app.stop());
  beforeEach(() => clearAuditEvents(app.app));

  describe('TestAuthModule', () => {
    it('makes every request that of the principal of the options', async () => {
      expect((await app.get('/orders/me')).body).toEqual({
        ...USER,
        email: 'test@example.com',
        sessionId: expect.any(String),
        authenticatedAtMs: expect.any(Number),
        methods: ['pwd'],
      });
    });

    it('takes another principal from actAs()', async () => {
      const headers = actAs({ id: 'ada', roles: ['TenantOwner'], tenant: 'acme', methods: ['pwd', 'mfa'] });
      expect((await app.get('/orders/me', { headers })).body).toMatchObject({
        id: 'ada',
        roles: ['TenantOwner'],
        tenantId: 'acme',
        methods: ['pwd', 'mfa'],
      });
    });

    it('refuses anonymous callers as AuthModule does, but not on @Public() routes', async () => {
      const headers = actAsAnonymous();
      const refused = await app.get('/orders/me', { headers });
      expectProblem(refused, 401, 'AUTH_TOKEN_MISSING');
      expect(refused.headers['www-authenticate']).toBe('Bearer realm="api"');
      expect((await app.get('/orders/public', { headers })).body).toEqual({ principal: null });
      expect((await app.get('/orders/public')).body).toEqual({ principal: null });
    });

    it('enforces roles with their inheritance, permissions and policies', async () => {
      expectProblem(await app.get('/orders/admin'), 403, 'ACCESS_DENIED');
      expect((await app.get('/orders/admin', { headers: actAs({ roles: ['Admin'] }) })).status).toBe(200);
      expectProblem(await app.get('/orders/report'), 403, 'ACCESS_DENIED');
      expect((await app.get('/orders/report', { headers: actAs({ roles: ['Admin'] }) })).status).toBe(200);
      for (const permissions of [['orders:report'], ['orders:*']]) {
        expect((await app.get('/orders/report', { headers: actAs({ permissions }) })).status).toBe(200);
      }
      expect((await app.get(`/orders/of/${USER.id}`)).status).toBe(200);
      expectProblem(await app.get('/orders/of/other'), 403, 'ACCESS_DENIED');
      expect((await app.get('/orders/tenants/acme', { headers: actAs({ tenant: 'acme' }) })).status).toBe(200);
      expectProblem(
        await app.get('/orders/tenants/acme', { headers: actAs({ tenant: 'umbrella' }) }),
        403,
        'ACCESS_DENIED',
      );
    });

    it('gives an API key its own permissions and no roles', async () => {
      const headers = actAs({ roles: ['Admin'], apiKey: { permissions: ['orders:report'] } });
      expect((await app.get('/orders/report', { headers })).status).toBe(200);
      expectProblem(await app.get('/orders/admin', { headers }), 403, 'API_KEY_NOT_ACCEPTED');
      expect((await app.get('/orders/me', { headers })).body).toMatchObject({ roles: [] });
    });

    it('resolves the principal on public routes by PrincipalResolver', async () => {
      const resolver = app.app.get(PrincipalResolver);
      expect(await resolver.resolve({ headers: {} })).toMatchObject(USER);
      expect(await resolver.resolve({ headers: actAsAnonymous() })).toBeUndefined();
      expect(await resolver.resolve({ headers: actAs({ roles: ['Typo'] }) })).toBeUndefined();
    });

    it('refuses a role, a permission or a header that does not exist', async () => {
      const refused = [
        [actAs({ roles: ['Amdin'] }), 'The test principal has the unknown role "Amdin". Known: Admin,'],
        [actAs({ permissions: ['orders:raport'] }), 'The test principal has the unknown permission "orders:raport".'],
        [{ 'x-test-principal': 'ada' }, 'Create the header x-test-principal by actAs().'],
      ] as const;
      for (const [headers, detail] of refused) {
        const answer = await app.get('/orders/me', { headers });
        expectProblem(answer, 400, 'VALIDATION_FAILED');
        expect(answer.body.detail).toContain(detail);
      }
    });
  });

  describe('auditEvents()', () => {
    it('returns the events with the data of their request, without secrets', async () => {
      const { headers } = await app.post('/orders', { item: 'tea' }, { headers: { 'User-Agent': 'test' } });
      const requestId = headers['x-request-id'];
      expect(auditEvents(app.app)).toMatchObject([
        {
          action: 'order.priced',
          severity: 'INFO',
          actorId: USER.id,
          requestId,
          route: 'POST /orders',
          address: '127.0.0.1',
          userAgent: 'test',
          metadata: { password: '[redacted]', amount: 3 },
          schemaVersion: null,
          occurredAt: expect.any(Date),
        },
        { action: 'order.created', outcome: 'success', requestId },
      ]);
    });

    it('selects events, and starts empty in each test', async () => {
      expect(auditEvents(app.app)).toEqual([]);
      await app.get('/orders/admin');
      await app.get('/orders/admin', { headers: actAs({ id: 'ada', roles: ['User'] }) });
      const denials = auditEvents(app.app, { action: 'access.denied', actorId: 'ada' });
      expect(denials).toMatchObject([{ outcome: 'denied', severity: 'WARNING', metadata: { required: ['Admin'] } }]);
      expect(auditEvents(app.app, { action: 'access.denied' })).toHaveLength(2);
      expect(auditEvents(app.app, { outcome: 'success' })).toEqual([]);
      expectTypeOf(denials[0]?.metadata).not.toBeAny();
    });
  });
});

onBothAdapters('useTestClock()', (adapter) => {
  let clock: TestClock;
  let app: PlainApp;
  beforeEach(async () => {
    app = await start(adapter);
    clock = useTestClock();
  });
  afterEach(async () => {
    await app.stop();
    clock.restore();
  });

  it('ends the window of a rate limit', async () => {
    const statuses = async () =>
      [await app.get('/orders/limited/1'), await app.get('/orders/limited/1')].map((a) => a.status);
    expect(await statuses()).toEqual([200, 200]);
    expectProblem(await app.get('/orders/limited/1'), 429, 'RATE_LIMITED');
    clock.advance(120_000);
    expect(await statuses()).toEqual([200, 200]);
  });

  it('ends the validity of an idempotency key', async () => {
    const order = () => app.post('/orders', { item: 'tea' }, { headers: { 'Idempotency-Key': 'an-order-of-tea' } });
    expect((await order()).body.number).toBe(1);
    expect((await order()).body.number).toBe(1);
    clock.advance(86_400_000);
    expect((await order()).body.number).toBe(2);
  });

  it('ends the lifetime of a cached result', async () => {
    const loads = async () => (await app.get('/orders/prices')).body.loads;
    expect(await loads()).toBe(1);
    clock.advance(50_000);
    expect(await loads()).toBe(1);
    clock.advance(11_000);
    expect(await loads()).toBe(2);
  });
});

describe('the test clock', () => {
  afterEach(() => vi.useRealTimers());

  it('moves all ways to read time, and gives them back', () => {
    const [date, now, RealDate, before] = [new Date(), performance.now(), Date, Date.now()];
    const clock = useTestClock();
    clock.advance(3_600_000);
    expect(Date.now() - before).toBeGreaterThanOrEqual(3_600_000);
    expect(new Date().getTime() - before).toBeGreaterThanOrEqual(3_600_000);
    expect(performance.now() - now).toBeGreaterThanOrEqual(3_600_000);
    expect([date instanceof Date, new Date() instanceof RealDate, new Date(5).getTime()]).toEqual([true, true, 5]);
    expect(Date.UTC(2026, 0)).toBe(RealDate.UTC(2026, 0));
    class OwnDate extends Date {}
    expect(new OwnDate()).toBeInstanceOf(OwnDate);
    clock.restore();
    expect(Date).toBe(RealDate);
    expect(performance.now() - now).toBeLessThan(3_600_000);
  });

  it('is used once at a time, and never goes back', () => {
    const clock = useTestClock();
    expect(() => useTestClock()).toThrow('A test clock is in use.\n  → call restore()');
    expect(() => clock.advance(-1)).toThrow('Time cannot go back.');
    clock.restore();
    useTestClock().restore();
  });

  it('is not needed with fake timers that fake only Date and performance, from before the start', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    const app = await start('express');
    for (const status of [200, 200, 429]) expect((await app.get('/orders/limited/1')).status).toBe(status);
    vi.advanceTimersByTime(120_000);
    expect((await app.get('/orders/limited/1')).status).toBe(200);
    await app.stop();
  });
});

onBothAdapters('an application of all modules without a database', (adapter) => {
  it('starts with hardenApp(), and has test principals', async () => {
    const app = await PlainApp.start(
      adapter,
      {
        imports: [
          BulwarkModule.forRoot({ without: MODULES_WITH_DATABASE, idempotency: {}, throttler: { tiers: TIERS } }),
          TestAuthModule.forRoot({ as: USER }),
          TestAuditModule.forRoot(),
          OrdersModule,
        ],
      },
      (own) => hardenApp(own, { signals: false }),
      { bodyParser: false },
    );
    expect((await app.get('/orders/me')).body).toMatchObject(USER);
    expectProblem(await app.get('/orders/admin'), 403, 'ACCESS_DENIED');
    expect((await app.post('/orders', { item: 'tea' })).body).toEqual({ item: 'tea', number: 1 });
    expect(auditEvents(app.app, { action: 'order.created' })).toHaveLength(1);
    expect((await app.get('/readyz')).status).toBe(200);
    await app.stop();
  });
});

describe('TestAuthModule outside of tests', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each(['production', 'development', ''])('fails the start with NODE_ENV=%s', async (environment) => {
    vi.stubEnv('NODE_ENV', environment);
    await expect(PlainApp.start('express', { imports: [TestAuthModule.forRoot()] })).rejects.toThrow(
      'TestAuthModule lets every client choose its roles, so it starts only in tests.\n  → in a test, set NODE_ENV=test',
    );
  });

  it('fails the start if its principal has an unknown role', async () => {
    await expect(
      PlainApp.start('express', { imports: [TestAuthModule.forRoot({ as: { roles: ['Amdin'] } })] }),
    ).rejects.toThrow('The test principal has the unknown role "Amdin".');
  });
});
