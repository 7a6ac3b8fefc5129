import { Controller, Get, Module, VERSION_NEUTRAL } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Public, ThrottleTier } from '../../src/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { RedisServer } from '../support/redis-server.js';
import { until } from '../support/until.js';

@Controller({ path: 'things', version: VERSION_NEUTRAL })
@Public()
class ThingsController {
  @Get()
  things() {
    return { things: [] };
  }

  @Get('report')
  @ThrottleTier('expensive')
  report() {
    return { things: 'report' };
  }
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

let lastAddress = 0;
const someAddress = () => `127.79.${Math.floor(++lastAddress / 250)}.${(lastAddress % 250) + 1}`;

onBothAdapters('an outage of Redis', (adapter) => {
  let server: RedisServer;
  let app: TestApp;
  const statuses = async (count: number, path: string, from: string) => {
    const all: number[] = [];
    for (let i = 0; i < count; i++) all.push((await app.get(path, { from })).status);
    return all;
  };
  const check = async () => (await app.get('/health/ready', { from: someAddress() })).status;
  const isFallingBack = async () =>
    /^throttler_falling_back 1$/m.test((await app.get('/metrics', { from: someAddress() })).text);
  const transitions = () => app.logs.filter(({ msg }) => /The shared store/.test(msg)).map(({ msg }) => msg);

  beforeAll(async () => {
    server = await RedisServer.start();
    app = await TestApp.start(
      {
        HTTP_ADAPTER: adapter,
        NODE_ENV: 'development',
        LOG_LEVEL: 'info',
        REDIS_URL: server.url,
        THROTTLE_DEFAULT_LIMIT: '30',
        THROTTLE_EXPENSIVE_LIMIT: '4',
        // Long enough that a busy machine is not seen as an outage.
        REDIS_COMMAND_TIMEOUT: '4s',
        THROTTLE_REDIS_TIMEOUT: '2s',
      },
      { imports: [ThingsModule] },
    );
  });
  afterAll(async () => {
    await app.stop();
    await server.stop();
  });

  it('causes no error: requests are limited while Redis hangs, while it is down, and after it has lost its data', async () => {
    const from = someAddress();
    expect(await statuses(5, '/things/report', from)).toEqual([200, 200, 200, 200, 429]);
    expect(await isFallingBack()).toBe(false);

    server.hang();
    const whileHanging = await Promise.all(
      Array.from({ length: 40 }, () => app.get('/things', { from: someAddress() })),
    );
    expect(new Set(whileHanging.map(({ status }) => status))).toEqual(new Set([200]));
    await until('Redis is not used', isFallingBack);
    expect(await statuses(6, '/things/report', someAddress())).toEqual([200, 200, 200, 200, 429, 429]);
    expect(await check()).toBe(200);

    await server.resume();
    await until('Redis is used again', async () => !(await isFallingBack()));

    await server.kill();
    const other = someAddress();
    expect(await statuses(6, '/things/report', other)).toEqual([200, 200, 200, 200, 429, 429]);
    await until('Redis is not used', async () => {
      await app.get('/things', { from: someAddress() });
      return isFallingBack();
    });
    await server.resume();
    await until('Redis is used again', async () => !(await isFallingBack()));
    // The new server has lost its own counts, but has the hits that the application counted meanwhile.
    expect(await statuses(2, '/things/report', other)).toEqual([429, 429]);
    expect(await statuses(5, '/things/report', someAddress())).toEqual([200, 200, 200, 200, 429]);
    expect(transitions()).toEqual([
      expect.stringMatching(/does not answer/),
      'The shared store answers again.',
      expect.stringMatching(/does not answer/),
      'The shared store answers again.',
    ]);
  });
});
