import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Injectable, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestingApp } from '../support/nest-app.js';
import { HealthCheckOf, HealthModule, type HealthContributor, type HealthReport } from '../../src/health/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { until } from '../support/until.js';

@Injectable()
@HealthCheckOf({ key: 'printer', cacheMs: 0, critical: false, groups: ['full', 'deep'] })
class PrinterHealth implements HealthContributor {
  state: HealthReport | Error = { host: 'printer-7.internal' };

  check(): HealthReport {
    if (this.state instanceof Error) throw this.state;
    return this.state;
  }
}

@Module({ providers: [PrinterHealth] })
class PrinterModule {}

onBothAdapters('health', (adapter) => {
  const METRICS_TOKEN = 'd3tA1Ls-Tok3n-0f-0ps-Qz8vLm4R';
  const admin = { ADMIN_EMAIL: 'health-admin@example.com', ADMIN_PASSWORD: 'see what is inside' };
  let app: TestApp;
  let printer: PrinterHealth;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter, METRICS_TOKEN, ...admin }, { imports: [PrinterModule] });
    printer = app.app.get(PrinterHealth);
  });
  afterAll(() => app.stop());

  it.each(['/health/startup', '/health/deep'])('%s answers 200', async (path) => {
    expect((await app.get(path)).status).toBe(200);
  });

  it('runs only the checks of the requested group', async () => {
    const keys = async (path: string) => Object.keys((await app.get(path)).body.details).sort();
    expect(await keys('/health/live')).toEqual([]);
    expect(await keys('/health/ready')).toEqual(['database', 'disk', 'memory']);
    expect(await keys('/health')).toEqual([
      'audit',
      'audit-store',
      'database',
      'database-login',
      'disk',
      'event-loop',
      'memory',
      'migrations',
      'periodic-tasks',
      'printer',
      'tenant-isolation',
    ]);
  });

  it('shows only the public states without a token', async () => {
    const { text, body } = await app.get('/health');
    expect(body.details.printer).toEqual({ status: 'up' });
    expect(text).not.toMatch(/printer-7|connections|heapBytes/);
  });

  it('shows details only to administrators and to callers with the metrics token', async () => {
    const boss = await app.login(admin.ADMIN_EMAIL, admin.ADMIN_PASSWORD);
    const user = await app.register();
    for (const token of [METRICS_TOKEN, boss.token]) {
      const { details } = (await app.get('/health', { token })).body;
      expect(details.printer).toEqual({ status: 'up', host: 'printer-7.internal' });
      expect(details.database).toMatchObject({ status: 'up', waiting: expect.any(Number) });
    }
    for (const token of [user.token, 'nonsense', `${METRICS_TOKEN}x`]) {
      const { status, body } = await app.get('/health', { token });
      expect(status).toBe(200);
      expect(body.details.printer).toEqual({ status: 'up' });
    }
  });

  it('answers with health+json if the client accepts it', async () => {
    printer.state = { degraded: 'low on toner' };
    const headers = { Accept: 'application/health+json' };
    const open = await app.get('/health', { headers });
    expect(open.headers['content-type']).toBe('application/health+json; charset=utf-8');
    expect(open.body).toMatchObject({
      status: 'warn',
      checks: { 'printer:availability': [{ status: 'warn' }], 'database:availability': [{ status: 'pass' }] },
    });
    expect(open.text).not.toContain('toner');
    const inside = await app.get('/health', { headers, token: METRICS_TOKEN });
    expect(inside.body.checks['printer:availability'][0]).toMatchObject({ status: 'warn', output: 'low on toner' });
  });

  it('logs and counts a state change once, even with many probes', async () => {
    printer.state = {};
    await app.get('/health');
    const lines = () => app.logs.filter(({ check }) => check === 'printer').length;
    const before = lines();
    printer.state = new Error('out of paper');
    for (let i = 0; i < 5; i++) await app.get('/health');
    expect(lines()).toBe(before + 1);
    expect(app.logs.findLast(({ check }) => check === 'printer')).toMatchObject({
      level: 'warn',
      state: 'degraded',
      before: 'up',
      reason: 'out of paper',
    });
    const metrics = (await app.get('/metrics', { token: METRICS_TOKEN })).text;
    expect(metrics).toMatch(/^health_check_changes_total\{check="printer",state="degraded"\} [1-9]/m);
    expect(metrics).toContain('health_check_state{check="printer"} 0.5');
    expect(metrics).toContain('health_check_state{check="database"} 1');
  });
});

describe('services that are checked over HTTP', () => {
  let service: Server;
  let answers: () => number;
  beforeAll(async () => {
    service = createServer((_request, response) => response.writeHead(answers()).end());
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => service.close());

  it('degrade the report but not the readiness', async () => {
    answers = () => 200;
    const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/ping`;
    const app = await createTestingApp([HealthModule.forRoot({ services: [{ key: 'payments', url, cacheMs: 0 }] })]);
    try {
      const status = async (path: string) =>
        ((await (await fetch(app.url + path)).json()) as { status: string }).status;
      await until('the report is ok', async () => (await status('/health')) === 'ok');
      answers = () => 500;
      await until('the report is degraded', async () => (await status('/health')) === 'degraded');
      expect(await status('/health/ready')).toBe('ok');
    } finally {
      await app.stop();
    }
  });
});

describe('startup', () => {
  it('is complete once its checks have succeeded, and stays complete', async () => {
    @Injectable()
    @HealthCheckOf({ key: 'warm-up', groups: ['startup'], cacheMs: 0 })
    class WarmUp implements HealthContributor {
      static isWarm = false;
      check(): void {
        if (!WarmUp.isWarm) throw new Error('still cold');
      }
    }
    const app = await createTestingApp([HealthModule.forRoot({})], [WarmUp]);
    try {
      const status = async () => (await fetch(`${app.url}/health/startup`)).status;
      expect(await status()).toBe(503);
      WarmUp.isWarm = true;
      expect(await status()).toBe(200);
      WarmUp.isWarm = false;
      expect(await status()).toBe(200);
    } finally {
      await app.stop();
    }
  });

  it('fails if a group names an unknown check', async () => {
    const module = HealthModule.forRoot({ groups: { ready: ['databse'] } });
    await expect(createTestingApp([module])).rejects.toThrow(/"databse", which no module provides/);
  });
});
