import { Controller, Get, Module, VERSION_NEUTRAL } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Public, SkipThrottle, ThrottleTier } from '../../src/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

@Controller({ path: 'things', version: VERSION_NEUTRAL })
@Public()
class ThingsController {
  @Get('one')
  one() {
    return { thing: 1 };
  }

  @Get('two')
  two() {
    return { thing: 2 };
  }

  @Get('free')
  @SkipThrottle()
  free() {
    return { thing: 'free' };
  }

  @Get('report')
  @ThrottleTier('expensive')
  report() {
    return { thing: 'report' };
  }
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

let lastAddress = 0;
/** An address that no other test uses. */
const someAddress = () => `127.77.${Math.floor(++lastAddress / 250)}.${(lastAddress % 250) + 1}`;

onBothAdapters('throttling', (adapter) => {
  let app: TestApp;
  const times = async (count: number, path: string, call: Parameters<TestApp['get']>[1]) => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) statuses.push((await app.get(path, call)).status);
    return statuses;
  };

  beforeAll(async () => {
    app = await TestApp.start(
      { HTTP_ADAPTER: adapter, THROTTLE_DEFAULT_LIMIT: '5', THROTTLE_EXPENSIVE_LIMIT: '2' },
      { imports: [ThingsModule] },
    );
  });
  afterAll(() => app.stop());

  it('allows the limit, and answers 429 with Retry-After above it', async () => {
    const from = someAddress();
    expect(await times(7, '/things/one', { from })).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const answer = await app.get('/things/one', { from });
    expect(answer.body).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      status: 429,
      code: 'RATE_LIMITED',
    });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(120);
  });

  it('counts all routes of a tier together, so that a blocked client finds no other door', async () => {
    const from = someAddress();
    await times(5, '/things/one', { from });
    expect((await app.get('/things/two', { from })).status).toBe(429);
  });

  it('counts each address separately', async () => {
    await times(6, '/things/one', { from: someAddress() });
    expect((await app.get('/things/one', { from: someAddress() })).status).toBe(200);
  });

  it('allows no further request for a changing X-Forwarded-For', async () => {
    const from = someAddress();
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      statuses.push((await app.get('/things/one', { from, headers: { 'X-Forwarded-For': `10.1.2.${i}` } })).status);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
  });

  it('limits a user, from any number of addresses', async () => {
    const { token } = await app.register();
    const statuses: number[] = [];
    for (let i = 0; i < 7; i++) statuses.push((await app.get('/auth/profile', { token, from: someAddress() })).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
  });

  it('applies a tier only to routes that ask for it', async () => {
    const from = someAddress();
    expect(await times(3, '/things/report', { from })).toEqual([200, 200, 429]);
    expect((await app.get('/things/one', { from })).status).toBe(200);
  });

  it('does not limit probes, and routes with @SkipThrottle()', async () => {
    const from = someAddress();
    await times(6, '/things/one', { from });
    expect(await times(3, '/things/free', { from })).toEqual([200, 200, 200]);
    expect(await times(3, '/health/live', { from })).toEqual([200, 200, 200]);
  });

  it('refuses a flood before authentication', async () => {
    const from = someAddress();
    await times(5, '/things/one', { from });
    const answer = await app.get('/auth/profile', { from, token: 'nonsense' });
    expect(answer.status).toBe(429);
  });

  it('audits the refusal', async () => {
    const from = someAddress();
    await times(5, '/things/one', { from });
    const answer = await app.get('/things/one', { from });
    expect(await app.auditOf(answer.body.requestId)).toEqual([
      expect.objectContaining({ action: 'rate_limit.exceeded', outcome: 'denied', address: from }),
    ]);
  });
});

onBothAdapters('throttling behind one proxy', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start(
      { HTTP_ADAPTER: adapter, TRUST_PROXY: '1', THROTTLE_DEFAULT_LIMIT: '5' },
      { imports: [ThingsModule] },
    );
  });
  afterAll(() => app.stop());

  /** Number of allowed requests, of eight with these `X-Forwarded-For`. */
  const allowed = async (forwarded: (i: number) => string) => {
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      statuses.push((await app.get('/things/one', { headers: { 'X-Forwarded-For': forwarded(i) } })).status);
    }
    return statuses.filter((status) => status === 200).length;
  };

  it('counts the address that the proxy added, and ignores the addresses before it', async () => {
    expect(await allowed((i) => `10.9.9.${i}, 203.0.113.7`)).toBe(5);
    expect(await allowed((i) => `10.9.${i}.1, 10.9.9.${i}, ::ffff:203.0.113.7`)).toBe(0);
    expect(await allowed((i) => `203.0.113.${100 + i}`)).toBe(8);
  });

  it('counts an IPv6 network of 64 bits as one client', async () => {
    expect(await allowed((i) => `2001:db8:1:2:${i}::${i}`)).toBe(5);
    expect(await allowed((i) => `2001:DB8:0001:0002::${i}`)).toBe(0);
    expect(await allowed((i) => `2001:db8:1:${10 + i}::1`)).toBe(8);
  });
});
