import { Injectable, Module, Scope, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it } from 'vitest';
import { PeriodicTask, ShutdownService, type PeriodicTaskOptions } from '../../src/index.js';
import { TestApp } from '../support/harness.js';
import { startTaskApp } from '../support/task-app.js';
import { until } from '../support/until.js';

const METRICS_TOKEN = 'a token of the operators of this test';
const running: TestApp[] = [];

afterEach(async () => {
  for (const app of running.splice(0)) await app.stop();
});

function taskOf(options: Partial<PeriodicTaskOptions>, work: (signal: AbortSignal) => unknown): Type {
  @Injectable()
  class Reports {
    @PeriodicTask({ everyMs: 20, scope: 'replica', ...options })
    send(signal: AbortSignal): unknown {
      return work(signal);
    }
  }
  return Reports;
}

/** The reference application with a task. It imports no PeriodicTasksModule: the suite has it for its own tasks. */
async function start(task: Type, env: Record<string, string> = {}): Promise<TestApp> {
  @Module({ providers: [task] })
  class ReportsModule {}

  const app = await TestApp.start({ METRICS_TOKEN, ...env }, { imports: [ReportsModule] });
  running.push(app);
  return app;
}

const healthOf = async (app: TestApp) =>
  (await app.get('/health', { token: METRICS_TOKEN })).body.details['periodic-tasks'];

/** Value of a series, such as `name{task="x"}`; undefined where the page has no such series. */
async function seriesOf(app: TestApp, series: string): Promise<number | undefined> {
  const { text } = await app.get('/metrics', { token: METRICS_TOKEN });
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe('a task', () => {
  it('is shown in health and in the metrics', async () => {
    let runs = 0;
    const app = await start(taskOf({}, () => void runs++));
    await until('the task has run twice', () => runs > 1);
    const { status, tasks } = await healthOf(app);
    expect(status).toBe('up');
    expect(tasks['Reports.send']).toMatchObject({ consecutiveFailures: 0, lastSuccess: expect.any(String) });
    expect(Object.keys(tasks)).toEqual(expect.arrayContaining(['audit-sealer', 'auth-retention', 'mail-outbox']));
    expect(await seriesOf(app, 'periodic_task_failures_total{task="Reports.send"}')).toBe(0);
    expect(await seriesOf(app, 'periodic_task_run_duration_seconds_count{task="Reports.send"}')).toBeGreaterThan(1);
    const lastSuccess = await seriesOf(app, 'periodic_task_last_success_timestamp_seconds{task="Reports.send"}');
    expect(new Date((lastSuccess ?? 0) * 1_000).getUTCFullYear()).toBe(new Date().getUTCFullYear());
    expect(await seriesOf(app, 'periodic_task_last_success_timestamp_seconds{task="auth-retention"}')).toBeUndefined();
  });

  it('that fails for a long time degrades /health and does not change readiness', async () => {
    let isBroken = true;
    const task = taskOf({ name: 'reports', degradedAfterMs: 0, retryMaxMs: 20 }, () => {
      if (isBroken) throw new Error('printer on fire');
    });
    const app = await start(task);
    await until('the task failed twice', async () => (await healthOf(app)).tasks['reports'].consecutiveFailures > 1);
    const { status, body } = await app.get('/health', { token: METRICS_TOKEN });
    expect(status).toBe(200);
    expect(body.details['periodic-tasks']).toMatchObject({
      status: 'degraded',
      reason: 'reports fails',
      tasks: { reports: { lastError: 'printer on fire' } },
    });
    expect((await app.get('/health')).body.details['periodic-tasks']).toEqual({ status: 'degraded' });
    expect(await seriesOf(app, 'periodic_task_failures_total{task="reports"}')).toBeGreaterThan(1);
    const ready = await app.get('/health/ready');
    expect(ready.status).toBe(200);
    expect(Object.keys(ready.body.details)).not.toContain('periodic-tasks');
    expect(app.logs.filter(({ task: name }) => name === 'reports').map(({ msg }) => msg)).toEqual([
      'the periodic task reports failed; it is tried again',
    ]);
    isBroken = false;
    await until('health is up again', async () => (await healthOf(app)).status === 'up');
  });
});

describe('a shutdown', () => {
  it('aborts the current run, waits for it, and starts no other run', async () => {
    const steps: string[] = [];
    const task = taskOf({}, async (signal) => {
      steps.push('began');
      await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
      // The task needs some turns of the event loop to end.
      await new Promise((done) => setImmediate(done));
      steps.push('ended');
    });
    const app = await start(task, { SHUTDOWN_DRAIN_DELAY: '0ms' });
    await until('a run is in flight', () => steps.length === 1);
    expect(await app.app.get(ShutdownService).shutdown('test')).toEqual({ lost: [] });
    expect(steps).toEqual(['began', 'ended']);
  });

  it('names a run that does not end', async () => {
    let isRunning = false;
    const task = taskOf({ name: 'reports', stopTimeoutMs: 50 }, () => {
      isRunning = true;
      return new Promise(() => undefined);
    });
    const app = await start(task, { SHUTDOWN_DRAIN_DELAY: '0ms' });
    await until('a run is in flight', () => isRunning);
    const { lost } = await app.app.get(ShutdownService).shutdown('test');
    expect(lost).toEqual(['PeriodicTasks in phase StopIntake: The periodic task reports did not end within 50 ms.']);
  });

  it('also waits when only app.close() is called', async () => {
    const steps: string[] = [];
    const task = taskOf({}, async (signal) => {
      steps.push('began');
      await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
      steps.push('ended');
    });
    const app = await startTaskApp([task]);
    await until('a run is in flight', () => steps.length === 1);
    await app.close();
    expect(steps).toEqual(['began', 'ended']);
  });
});

describe('a start', () => {
  it('fails if no module runs the tasks', async () => {
    @Module({ providers: [taskOf({}, () => undefined)] })
    class AppModule {}

    const options = { logger: false as const, abortOnError: false };
    await expect(NestFactory.createApplicationContext(AppModule, options)).rejects.toThrow(
      'Nothing runs the periodic task Reports.send. Add PeriodicTasksModule.forRoot()',
    );
  });

  it('calls the hook of a class with tasks', async () => {
    const steps: string[] = [];

    @Injectable()
    class Reports implements OnApplicationBootstrap {
      onApplicationBootstrap(): void {
        steps.push('bootstrap');
      }

      @PeriodicTask({ everyMs: 20, scope: 'replica' })
      async send(): Promise<void> {
        steps.push('send');
      }

      @PeriodicTask({ everyMs: 3_600_000, scope: 'replica' })
      load(): void {
        steps.push('load');
      }
    }
    const app = await startTaskApp([Reports]);
    await until('the task has run', () => steps.includes('send'));
    await app.close();
    expect(steps.slice(0, 2)).toEqual(['bootstrap', 'send']);
  });

  it('fails if two tasks have the same name', async () => {
    const tasks = [taskOf({ name: 'reports' }, () => undefined), taskOf({ name: 'reports' }, () => undefined)];
    await expect(startTaskApp(tasks)).rejects.toThrow('Two periodic tasks have the name "reports"');
  });

  it('fails if a task belongs to a request-scoped provider', async () => {
    const task = taskOf({}, () => undefined);
    Injectable({ scope: Scope.REQUEST })(task);
    await expect(startTaskApp([task])).rejects.toThrow('Move the method to a provider of default scope');
  });
});
