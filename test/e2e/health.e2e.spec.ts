import { Injectable, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../../src/ports/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';
import { until } from '../support/until.js';

/** A component whose state the test sets. */
@Injectable()
@HealthCheckOf({ key: 'printer', cacheMs: 0, timeoutMs: 50 })
class PrinterHealth implements HealthContributor {
  runs = 0;
  state: () => HealthReport | void | Promise<HealthReport | void> = () => undefined;

  check(): HealthReport | void | Promise<HealthReport | void> {
    this.runs++;
    return this.state();
  }
}

@Module({ providers: [PrinterHealth] })
class PrinterModule {}

onBothAdapters('probes', (adapter) => {
  let app: TestApp;
  let printer: PrinterHealth;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter, THROTTLE_DEFAULT_LIMIT: '3' }, { imports: [PrinterModule] });
    printer = app.app.get(PrinterHealth);
  });
  afterAll(() => app.stop());

  it.each(['/health/live', '/livez', '/health/ready', '/readyz', '/health', '/healthz'])(
    '%s answers 200',
    async (path) => {
      let answer = await app.get(path);
      // On a busy machine a check can exceed its time limit. The test then asks again.
      await until(`${path} reports ok`, async () => (answer = await app.get(path)).body.status === 'ok');
      expect(answer.status).toBe(200);
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
      expect(answer).toHaveSecurityHeaders();
    },
  );

  it.each(['/livez', '/readyz'])('%s answers HEAD, which some balancers send', async (path) => {
    expect(await app.send('HEAD', path)).toMatchObject({ status: 200, text: '' });
  });

  it('are not rate limited, because a platform restarts a process whose probe is refused', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => app.get('/readyz')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('include the checks of application modules', async () => {
    expect(Object.keys((await app.get('/health')).body.details)).toEqual(
      expect.arrayContaining(['printer', 'database', 'memory', 'disk']),
    );
  });

  describe('with an application component', () => {
    it('report not ready but alive when it is down, because a restart would not repair it', async () => {
      printer.state = () => Promise.reject(new Error('out of paper on host printer-7.internal'));
      const [ready, live] = [await app.get('/health/ready'), await app.get('/health/live')];
      expect(ready.status).toBe(503);
      expect(ready.body).toMatchObject({ status: 'error', error: { printer: { status: 'down' } } });
      expect(ready.text).not.toContain('printer-7');
      expect(live.status).toBe(200);
    });

    it('report ready and degraded when it is degraded', async () => {
      printer.state = () => ({ degraded: 'low on toner', pages: 7 });
      const { status, body, text } = await app.get('/health/ready');
      expect(status).toBe(200);
      expect(body.details.printer).toEqual({ status: 'degraded' });
      expect(text).not.toMatch(/toner|pages/);
    });

    it('answer when it hangs, and call its check once', async () => {
      let letGo: () => void = () => undefined;
      printer.state = () => new Promise((resolve) => (letGo = resolve));
      const before = printer.runs;
      const answers = await Promise.all(Array.from({ length: 20 }, () => app.get('/health/ready')));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
      expect((await app.get('/livez')).status).toBe(200);
      expect(printer.runs).toBe(before + 1);
      letGo();
    });

    it('report ready when it works again', async () => {
      printer.state = () => undefined;
      expect((await app.get('/readyz')).status).toBe(200);
    });
  });
});
