import { Controller, Delete, Get, Module, type ExecutionContext } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AdapterRequest } from '../../src/context/index.js';
import {
  SkipThrottle,
  Throttle,
  ThrottlerModule,
  ThrottlerService,
  ThrottleTier,
  type ThrottlerObjectOptions,
} from '../../src/throttler/index.js';
import { onBothAdapters } from '../support/harness.js';
import { parseList, ThrottledApp } from '../support/throttled-app.js';

const requestOf = (context: ExecutionContext) => context.switchToHttp().getRequest<AdapterRequest>();
const limitByHeader = (context: ExecutionContext) => Number(requestOf(context).headers['x-limit'] ?? 3);

@Controller('things')
class ThingsController {
  @Get('plain')
  plain() {
    return 'plain';
  }

  @Get('pair')
  @ThrottleTier('burst', 'sustained')
  pair() {
    return 'pair';
  }

  @Get('heavy')
  @ThrottleTier('heavy')
  heavy() {
    return 'heavy';
  }

  @Get('function')
  @ThrottleTier('function')
  function() {
    return 'function';
  }

  @Get('people')
  @ThrottleTier('people')
  people() {
    return 'people';
  }

  @Get('tried')
  @ThrottleTier('tried')
  tried() {
    return 'tried';
  }

  @Get('strict')
  @ThrottleTier('strict')
  strict() {
    return 'strict';
  }

  @Get('keyed')
  @ThrottleTier('keyed')
  keyed() {
    return 'keyed';
  }

  @Get('own')
  @Throttle({ default: { limit: 2, ttl: 60_000 } })
  own() {
    return 'own';
  }

  @Get('free')
  @SkipThrottle({ default: true, strict: true })
  @ThrottleTier('strict')
  free() {
    return 'free';
  }

  @Get('only-strict')
  @SkipThrottle()
  @ThrottleTier('strict')
  onlyStrict() {
    return 'only strict';
  }

  @Get('half')
  @SkipThrottle({ strict: true })
  @ThrottleTier('strict')
  half() {
    return 'half';
  }
}

@Controller('reports')
class ReportsController {
  @Get(':id/pdf')
  pdf() {
    return 'pdf';
  }

  @Delete(':id/pdf')
  remove() {
    return 'removed';
  }
}

@Controller()
@SkipThrottle()
class CallbackController {
  @Get('back')
  @SkipThrottle({ default: false })
  back() {
    return 'back';
  }
}

@Controller()
class ExcludedController {
  @Get('auth/oauth/github/callback')
  callback() {
    return 'callback';
  }

  @Get('billing/webhook')
  @ThrottleTier('strict')
  webhook() {
    return 'webhook';
  }
}

@Controller('users')
class PrefixedController {
  @Get()
  users() {
    return 'users';
  }
}

@Module({ controllers: [PrefixedController] })
class PrefixedModule {}

const OPTIONS: ThrottlerObjectOptions = {
  adminRoutes: true,
  routes: [
    { path: '/reports/*/pdf', methods: ['GET'], tiers: ['strict'] },
    { path: '/staff/users', tiers: ['strict'] },
  ],
  getTenant: (request) => request.headers['x-tenant'] as string | undefined,
  tiers: {
    default: { limit: 20 },
    burst: { limit: 3, ttlMs: 1_000 },
    sustained: { limit: 5 },
    heavy: { limit: 10, ttlMs: 60_000, cost: (context) => Number(requestOf(context).headers['x-cost'] ?? 4) },
    function: { limit: limitByHeader, ttlMs: async () => 60_000 },
    people: { limit: 2, ttlMs: 60_000, roleLimits: { Staff: 4, Chief: 6 }, tenantLimits: { acme: 3 } },
    tried: { limit: 1, ttlMs: 60_000, shadow: true },
    strict: { limit: 2, ttlMs: 60_000, blockDurationMs: 300_000 },
    keyed: {
      limit: 2,
      ttlMs: 60_000,
      by: async (request) => request.headers['x-api-key'] as string | undefined,
    },
  },
};

@Module({
  imports: [
    ThrottlerModule.forRoot(OPTIONS),
    PrefixedModule,
    RouterModule.register([{ path: 'staff', module: PrefixedModule }]),
  ],
  controllers: [ThingsController, ReportsController, CallbackController, ExcludedController],
})
class TiersModule {}

let lastAddress = 0;
const someAddress = () => `127.78.${Math.floor(++lastAddress / 250)}.${(lastAddress % 250) + 1}`;

onBothAdapters('tiers', (adapter) => {
  let app: ThrottledApp;
  beforeAll(async () => void (app = await ThrottledApp.start(adapter, { imports: [TiersModule] })));
  afterAll(() => app.stop());

  it('report the state of a client in structured fields and in X-RateLimit', async () => {
    const { headers } = await app.get('/things/plain', { from: someAddress() });
    expect(parseList(headers['ratelimit-policy'])).toEqual({ default: { q: 20, w: 60 } });
    expect(parseList(headers['ratelimit'])).toEqual({ default: { r: 19, t: 60 } });
    expect(headers).toMatchObject({
      'x-ratelimit-limit': '20',
      'x-ratelimit-remaining': '19',
      'x-ratelimit-reset': '60',
    });
    expect(headers['retry-after']).toBeUndefined();
  });

  it('report all policies of a route, each once, with the smaller remainder of address and user', async () => {
    const from = someAddress();
    const user = { from, headers: { 'x-user': `reader-${adapter}` } };
    await app.get('/things/plain', { from });
    const { headers } = await app.get('/things/pair', user);
    expect(parseList(headers['ratelimit-policy'])).toEqual({
      default: { q: 20, w: 60 },
      burst: { q: 3, w: 1 },
      sustained: { q: 5, w: 3600 },
    });
    expect(parseList(headers['ratelimit'])).toMatchObject({
      default: { r: 18 },
      burst: { r: 2 },
      sustained: { r: 4 },
    });
    expect(headers['x-ratelimit-limit']).toBe('3');
  });

  it('name the tiers that refused in a 429, with a Retry-After that covers the longest wait', async () => {
    const from = someAddress();
    expect(await app.statuses(3, '/things/strict', { from })).toEqual([200, 200, 429]);
    const { status, headers, body } = await app.get('/things/strict', { from });
    expect(status).toBe(429);
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({ code: 'RATE_LIMITED', 'violated-policies': ['strict'] });
    const limits = parseList(headers['ratelimit']);
    expect(Object.keys(limits)).toEqual(['strict']);
    expect(limits['strict']?.['r']).toBe(0);
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(Number(limits['strict']?.['t']));
    // The block of five minutes. Without it the wait would be at most two windows of one minute.
    expect(Number(headers['retry-after'])).toBeGreaterThan(120);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(300);
  });

  it('do not count a refused request in the other policies', async () => {
    const headers = { 'x-user': `spender-${adapter}` };
    // Each request comes from another address, so that only the user is limited.
    const statuses: number[] = [];
    for (let i = 0; i < 30; i++)
      statuses.push((await app.get('/things/strict', { from: someAddress(), headers })).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
    const { headers: after } = await app.get('/things/plain', { from: someAddress(), headers });
    expect(parseList(after['ratelimit'])['default']?.['r']).toBe(17);
  });

  it('do not count a request for its address if its user is refused', async () => {
    const from = someAddress();
    const headers = { 'x-user': `noisy-${adapter}` };
    const statuses = await app.statuses(30, '/things/strict', { from, headers });
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
    expect(statuses.filter((status) => status === 429)).toHaveLength(28);
    // Only the two allowed requests and this one are counted for the address.
    const { headers: after } = await app.get('/things/plain', { from, headers: { 'x-user': `quiet-${adapter}` } });
    expect(parseList(after['ratelimit'])['default']?.['r']).toBe(17);
  });

  it('count the cost of a request', async () => {
    const from = someAddress();
    expect(await app.statuses(3, '/things/heavy', { from })).toEqual([200, 200, 429]);
    expect((await app.get('/things/heavy', { from, headers: { 'x-cost': '2' } })).status).toBe(200);
    expect((await app.get('/things/heavy', { from, headers: { 'x-cost': '1' } })).status).toBe(429);
  });

  it('accept functions of the request as limits', async () => {
    expect(await app.statuses(4, '/things/function', { from: someAddress() })).toEqual([200, 200, 200, 429]);
    const generous = { from: someAddress(), headers: { 'x-limit': '5' } };
    expect((await app.statuses(6, '/things/function', generous)).indexOf(429)).toBe(5);
  });

  it('have limits for roles and tenants', async () => {
    const allowed = async (headers: Record<string, string>) =>
      (await app.statuses(8, '/things/people', { from: someAddress(), headers })).indexOf(429);
    expect(await allowed({})).toBe(2);
    expect(await allowed({ 'x-user': `a${adapter}` })).toBe(2);
    expect(await allowed({ 'x-user': `b${adapter} Staff` })).toBe(4);
    expect(await allowed({ 'x-user': `c${adapter} Chief Staff` })).toBe(6);
    expect(await allowed({ 'x-user': `d${adapter} Chief`, 'x-tenant': 'acme' })).toBe(3);
  });

  it('count the key that a function returns, and do not count where it returns none', async () => {
    const key = { headers: { 'x-api-key': `key-${adapter}` } };
    const [one, two] = [someAddress(), someAddress()];
    expect(await app.statuses(2, '/things/keyed', { ...key, from: one })).toEqual([200, 200]);
    expect(await app.statuses(1, '/things/keyed', { ...key, from: two })).toEqual([429]);
    expect(await app.statuses(3, '/things/keyed', { from: two })).toEqual([200, 200, 200]);
  });

  it('refuse no request in shadow mode, and report what they would refuse', async () => {
    const from = someAddress();
    expect(await app.statuses(5, '/things/tried', { from })).toEqual([200, 200, 200, 200, 200]);
    expect(app.metrics.counts.get('throttler_decisions_total tried shadow_denied')).toBe(4);
    const { headers } = await app.get('/things/tried', { from });
    expect(parseList(headers['ratelimit-policy'])).toEqual({ default: { q: 20, w: 60 } });
    const events = app.audit.events.filter(({ action }) => action === 'rate_limit.shadow_exceeded');
    expect(events).toHaveLength(1);
  });

  it('apply to routes by their declared path, with any spelling of the URL', async () => {
    const from = someAddress();
    const spellings = ['/reports/1/pdf', '/reports/2/pdf', '/reports/3/pdf/', '/Reports/4/pdf', '/reports/5/%70df'];
    const statuses: number[] = [];
    for (const path of spellings) statuses.push((await app.get(path, { from })).status);
    expect(statuses.slice(0, 2)).toEqual([200, 200]);
    expect(statuses.slice(2)).not.toContain(200);
    expect((await app.send('DELETE', '/reports/1/pdf', { from })).status).toBe(200);
  });

  it('apply to routes by the path that RouterModule gives them', async () => {
    expect(await app.statuses(3, '/staff/users', { from: someAddress() })).toEqual([200, 200, 429]);
  });

  it('apply to excluded paths only if the route asks for them', async () => {
    const from = someAddress();
    expect((await app.statuses(25, '/auth/oauth/github/callback', { from })).includes(429)).toBe(false);
    expect(await app.statuses(3, '/billing/webhook', { from })).toEqual([200, 200, 429]);
  });

  it('are skipped by name with @SkipThrottle(), and apply again on one route of a controller', async () => {
    const from = someAddress();
    expect((await app.statuses(25, '/things/free', { from })).includes(429)).toBe(false);
    expect(await app.statuses(3, '/things/half', { from })).toEqual([200, 200, 200]);
    const { headers } = await app.get('/back', { from });
    expect(parseList(headers['ratelimit'])['default']?.['r']).toBe(16);
  });

  it('apply to a route with @SkipThrottle() without a name, which skips only the default tier', async () => {
    const from = someAddress();
    expect(await app.statuses(3, '/things/only-strict', { from })).toEqual([200, 200, 429]);
    expect((await app.get('/things/plain', { from })).headers['x-ratelimit-remaining']).toBe('19');
  });

  it('count a route with its own limits separately', async () => {
    const from = someAddress();
    expect(await app.statuses(3, '/things/own', { from })).toEqual([200, 200, 429]);
    expect((await app.get('/things/plain', { from })).headers['x-ratelimit-remaining']).toBe('19');
  });

  it('report a streak of refusals once at its beginning, and requests near the limit', async () => {
    const from = someAddress();
    const before = app.audit.events.length;
    const near = () => app.metrics.counts.get('throttler_decisions_total default near_limit') ?? 0;
    const nearBefore = near();
    expect((await app.statuses(60, '/things/plain', { from })).filter((status) => status === 429)).toHaveLength(40);
    const events = app.audit.events.slice(before);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      action: 'rate_limit.exceeded',
      outcome: 'denied',
      metadata: { tier: 'default', tracker: `address:${from}`, limit: 20, count: 1 },
    });
    // After each of the last four of twenty requests less than a fifth is left.
    expect(near() - nearBefore).toBe(4);
  });

  it('let administrators list and unblock the clients that are refused most', async () => {
    const from = someAddress();
    const admin = { headers: { 'x-user': `root-${adapter} Admin` } };
    await app.statuses(40, '/things/strict', { from });
    expect((await app.get('/admin/rate-limits/blocked', { from: someAddress() })).status).toBe(403);
    expect(
      (await app.get('/admin/rate-limits/blocked', { headers: { 'x-user': `u-${adapter}` }, from: someAddress() }))
        .status,
    ).toBe(403);
    const list = await app.get('/admin/rate-limits/blocked', { ...admin, from: someAddress() });
    const entry = list.body.blocked.find(({ key, tier }: Record<string, string>) => key === from && tier === 'strict');
    expect(entry).toMatchObject({ kind: 'address', scope: '' });
    expect(entry.denied).toBeGreaterThan(10);
    const unblocked = await app.send('DELETE', `/admin/rate-limits/blocked/${encodeURIComponent(entry.id)}`, {
      ...admin,
      from: someAddress(),
    });
    expect(unblocked.status).toBe(204);
    const unknown = await app.send('DELETE', `/admin/rate-limits/blocked/nothing`, { ...admin, from: someAddress() });
    expect(unknown.status).toBe(404);
    await app.app.get(ThrottlerService).unblock(`default::address:${from}`);
    expect((await app.get('/things/strict', { from })).status).toBe(200);
    expect(
      app.audit.events.filter(({ metadata }) => metadata?.['ended'] && metadata?.['tracker'] === `address:${from}`),
    ).not.toHaveLength(0);
  });

  it('allow no further request for another method, spelling or header', async () => {
    const allowed = async (attempt: (i: number, from: string) => Promise<{ status: number }>) => {
      const from = someAddress();
      await app.statuses(2, '/things/strict', { from });
      const statuses: number[] = [];
      for (let i = 0; i < 6; i++) statuses.push((await attempt(i, from)).status);
      return statuses.filter((status) => status === 200);
    };
    for (const path of [
      '/things/strict/',
      '//things/strict',
      '/things/strict;a=1',
      '/things%2fstrict',
      '/things/./strict',
      '/THINGS/strict',
      '/things/strict?x=1',
      '/things/%73trict',
      '/things/strict%20',
      '/things/strict/%2e',
      '/things/strict//',
      '/./things/strict',
      '/things\\strict',
    ]) {
      expect([path, ...(await allowed((_, from) => app.get(path, { from })))]).toEqual([path]);
    }
    expect(await allowed((_, from) => app.send('HEAD', '/things/strict', { from }))).toEqual([]);
    const overridden = (_: number, from: string) =>
      app.send('POST', '/things/strict?_method=GET', { from, headers: { 'X-HTTP-Method-Override': 'GET' } });
    expect(await allowed(overridden)).toEqual([]);
    expect(
      await allowed((i, from) =>
        app.get('/things/strict', {
          from,
          headers: {
            'X-Forwarded-For': `10.0.0.${i}`,
            'X-Real-IP': `10.0.1.${i}`,
            Forwarded: `for=10.0.2.${i}`,
            'CF-Connecting-IP': `10.0.3.${i}`,
            'User-Agent': `agent ${i}`,
          },
        }),
      ),
    ).toEqual([]);
  });
});

describe('a module with an invalid option', () => {
  it.each([
    [{ tiers: { mine: { limit: 5 } } }, /"mine" has no ttlMs/],
    [{ tiers: { mine: { limit: 0, ttlMs: 1_000 } } }, /limit of the tier "mine" is 0/],
    [{ tiers: { 'a"b': { limit: 5, ttlMs: 1_000 } } }, /A tier is named "a"b"/],
    [{ routes: [{ path: '/x', tiers: ['nothing'] }] }, /asks for the tier "nothing"/],
    [{ replicas: 0 }, /replicas is 0/],
  ] as [ThrottlerObjectOptions, RegExp][])('%o is refused', (options, reason) => {
    expect(() => ThrottlerModule.forRoot(options)).toThrow(reason);
  });
});
