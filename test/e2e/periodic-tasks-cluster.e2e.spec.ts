import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type INestApplicationContext, type Type } from '@nestjs/common';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PeriodicTask, PeriodicTasks, type PeriodicTaskOptions, type PeriodicTaskStatus } from '../../src/index.js';
import { built } from '../support/built.js';
import { freshDatabase, query } from '../support/database.js';
import { PgBouncer } from '../support/pgbouncer.js';
import { Program } from '../support/program.js';
import { startTaskApp } from '../support/task-app.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The URL of the database server itself. */
let direct: string;
/** The URL that the replicas connect to. */
let url: string;
let replicas: INestApplicationContext[];
const servers: { stop(): Promise<unknown> }[] = [];
const programs: Program[] = [];

beforeEach(async () => {
  direct = await freshDatabase();
  url = direct;
  replicas = [];
  await query(direct, 'CREATE TABLE runs (by text, at timestamptz NOT NULL)');
});
afterEach(async () => {
  for (const replica of replicas) await replica.close();
  for (const program of programs.splice(0)) {
    program.kill('SIGKILL');
    await program.ends();
  }
  for (const server of servers.splice(0)) await server.stop();
});

async function replica(task: Type, imports: Parameters<typeof startTaskApp>[1] = {}): Promise<INestApplicationContext> {
  const app = await startTaskApp([task], { url, ...imports });
  replicas.push(app);
  return app;
}

/** A task on each replica, with the work of a run. */
function taskOf(options: Partial<PeriodicTaskOptions>, work: (signal: AbortSignal, by: number) => unknown): Type {
  let instances = 0;

  @Injectable()
  class Reports {
    private readonly number = ++instances;

    @PeriodicTask({ name: 'reports', everyMs: HOUR_MS, jitterMs: 0, scope: 'cluster', ...options })
    send(signal: AbortSignal): unknown {
      return work(signal, this.number);
    }
  }
  return Reports;
}

/** Stores a row for each run, with the time of its claim. */
const recordRun = (by: number) =>
  query(direct, 'INSERT INTO runs (by, at) SELECT $1, started_at FROM periodic_task_claims', [by]);

/** The pauses between the runs so far, in milliseconds. */
async function pauses(): Promise<number[]> {
  const { rows } = await query(
    direct,
    `SELECT extract(epoch FROM at - lag(at) OVER (ORDER BY at))::float8 * 1000 AS pause FROM runs ORDER BY at`,
  );
  return rows.slice(1).map(({ pause }: { pause: number }) => pause);
}

const runCount = async () => (await query(direct, 'SELECT count(*)::int AS n FROM runs')).rows[0].n as number;
const claim = async () =>
  (await query(direct, 'SELECT *, claimed_until - started_at > $1 AS renewed FROM periodic_task_claims', ['2 seconds']))
    .rows[0] as Record<string, unknown> | undefined;
const statusOn = (app: INestApplicationContext): PeriodicTaskStatus => {
  const record = app.get(PeriodicTasks).records.find(({ name }) => name === 'reports');
  if (!record) throw new Error('there is no such task');
  return record.status;
};

describe.each(['directly', 'behind PgBouncer in transaction mode'])('a task of the cluster, %s', (how) => {
  beforeEach(async () => {
    if (how === 'directly') return;
    const bouncer = await PgBouncer.start(direct, { default_pool_size: 2 });
    servers.push(bouncer);
    url = bouncer.url;
  });

  it('runs on only one of two replicas that start 120 ms apart', async () => {
    const task = taskOf({}, (_signal, by) => recordRun(by));
    const one = await replica(task);
    await until('the first replica has run it', () => statusOn(one).lastSuccess !== undefined);
    await sleep(120);
    const other = await replica(task);
    // It reads the time of the last run from the database.
    await until('the other replica shows the run', () => statusOn(other).lastSuccess !== undefined);
    expect(await runCount()).toBe(1);
  });

  it('runs once per period when several replicas ask', async () => {
    const everyMs = 500;
    const task = taskOf({ everyMs }, (_signal, by) => recordRun(by));
    await Promise.all([replica(task), replica(task), replica(task)]);
    await until('there are five runs', async () => (await runCount()) >= 5);
    expect(Math.min(...(await pauses()))).toBeGreaterThanOrEqual(everyMs);
  });

  it('does not run on another replica while a run lasts longer than its period', async () => {
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((done) => (letGo = done));
    let [running, most] = [0, 0];
    let current: AbortSignal | undefined;
    const task = taskOf({ everyMs: 200, leaseMs: 900 }, async (signal, by) => {
      current = signal;
      most = Math.max(most, ++running);
      await recordRun(by);
      await held;
      running--;
    });
    await Promise.all([replica(task), replica(task)]);
    await until('the lease has been renewed several times', async () => (await claim())?.['renewed'] === true);
    expect({ runs: await runCount(), most, isAborted: current?.aborted }).toEqual({
      runs: 1,
      most: 1,
      isAborted: false,
    });
    letGo();
    await until('the task runs again', async () => (await runCount()) >= 3);
    expect(most).toBe(1);
  });

  it('aborts a run when another replica has taken its lease', async () => {
    let reason: Error | undefined;
    const task = taskOf(
      { leaseMs: 200 },
      (signal) =>
        new Promise<void>((done) => {
          const end = () => {
            reason = signal.reason as Error;
            done();
          };
          signal.addEventListener('abort', end, { once: true });
        }),
    );
    await replica(task);
    await until('it runs', async () => (await claim()) !== undefined);
    await query(direct, 'UPDATE periodic_task_claims SET holder = gen_random_uuid()');
    await until('the run is aborted', () => reason !== undefined);
    expect(reason?.message).toContain('another replica has taken it over');
    // The end of the old run does not change the state of the new run.
    expect(await claim()).toMatchObject({ succeeded_at: null });
  });

  it('does not run by runNow() while another replica runs it', async () => {
    let end: () => void = () => undefined;
    let runs = 0;
    const run = () => {
      runs++;
      return new Promise<void>((done) => (end = done));
    };
    const idle = taskOf({ scope: 'replica' }, () => undefined);
    const [one, other] = [await replica(idle), await replica(idle)].map((app) =>
      app.get(PeriodicTasks).add({ name: 'statements', everyMs: HOUR_MS, scope: 'cluster', run }),
    );
    await until('a replica runs it', () => runs === 1);
    const waiting = [one, other].find((runner) => runner?.status.isRunning === false);
    await waiting?.runNow();
    expect({ runs, hasWaited: waiting !== undefined }).toEqual({ runs: 1, hasWaited: true });
    end();
  });

  it('is retried after a failure, and all replicas show the failure', async () => {
    let isBroken = true;
    const task = taskOf({ everyMs: 300, retryMinMs: 100, retryMaxMs: 200 }, () => {
      if (isBroken) throw new Error('printer on fire');
    });
    const apps = [await replica(task), await replica(task)];
    await until('both show failures', () => apps.every((app) => statusOn(app).consecutiveFailures > 1));
    isBroken = false;
    await until('both show the success', () => apps.every((app) => statusOn(app).consecutiveFailures === 0));
    for (const app of apps) expect(statusOn(app).lastSuccess).toBeInstanceOf(Date);
  });
});

describe('a run whose replica loses the database', () => {
  let proxy: TcpProxy;
  beforeEach(async () => {
    proxy = await TcpProxy.to(direct);
    await proxy.open();
    servers.push({ stop: () => proxy.close() });
    url = proxy.url;
  });

  /** Starts a replica with a run that ends when the test calls `end()`. */
  async function startRun(options: Partial<PeriodicTaskOptions>) {
    let [current, end]: [AbortSignal | undefined, () => void] = [undefined, () => undefined];
    const task = taskOf(options, (signal) => {
      current = signal;
      return new Promise<void>((done) => (end = done));
    });
    const app = await replica(task);
    await until('it runs', () => current !== undefined);
    return { app, signal: current as unknown as AbortSignal, end: () => end() };
  }

  it.each<[how: string, cut: () => unknown]>([
    ['the connection is refused', () => proxy.close()],
    ['the connection transfers no data', () => proxy.block()],
  ])('is aborted before another replica may run the task, if %s', async (_how, cut) => {
    const { signal, end } = await startRun({ leaseMs: 1_000 });
    await cut();
    await until('the run is aborted', () => signal.aborted);
    expect((signal.reason as Error).message).toContain('the lease could not be renewed in time');
    await proxy.close();
    end();
  });

  it('goes on if a renewal fails and the next one succeeds before the lease ends', async () => {
    const { app, signal, end } = await startRun({ leaseMs: 4_500 });
    // A sequence also counts statements that fail.
    await query(
      direct,
      `CREATE SEQUENCE failed_renewals;
       CREATE FUNCTION fail_renewal() RETURNS trigger LANGUAGE plpgsql
         AS $$ BEGIN PERFORM nextval('failed_renewals'); RAISE EXCEPTION 'not now'; END $$;
       CREATE TRIGGER fail_renewal BEFORE UPDATE ON periodic_task_claims FOR EACH ROW EXECUTE FUNCTION fail_renewal()`,
    );
    await until('a renewal has failed', async () => {
      const { rows } = await query(direct, 'SELECT is_called FROM failed_renewals');
      return rows[0].is_called as boolean;
    });
    const before = (await claim())?.['claimed_until'] as Date;
    await query(direct, 'DROP TRIGGER fail_renewal ON periodic_task_claims');
    await until('the lease is renewed', async () => ((await claim())?.['claimed_until'] as Date) > before);
    expect(signal.aborted).toBe(false);
    end();
    await until('the run has ended', () => statusOn(app).lastSuccess !== undefined);
  });
});

describe('a run that a shutdown stops', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((_done, fail) => signal.addEventListener('abort', () => fail(new Error('cut')), { once: true }));

  it('counts as neither failure nor success, and another replica runs the task at once', async () => {
    let isLastOne = false;
    let claimOfLastOne: Record<string, unknown> | undefined;
    const task = taskOf({}, async (signal) => {
      if (!isLastOne) return untilAborted(signal);
      claimOfLastOne = await claim();
      await recordRun(2);
    });
    const one = await startTaskApp([task], { url });
    await until('it runs', async () => (await claim()) !== undefined);
    await one.close();
    // Without a holder, a renewal that arrives after the end of the run changes nothing.
    expect(await claim()).toMatchObject({ failures: 0, succeeded_at: null, holder: null });
    isLastOne = true;
    await replica(task);
    await until('the other replica has run it', async () => (await runCount()) === 1);
    // If this replica died in its run, the task would be due after its period and not at once.
    expect(claimOfLastOne).toMatchObject({ retry_at: null });
  });

  it('delays the end of the shutdown if clusterOnce() runs it', async () => {
    const app = await startTaskApp([taskOf({ scope: 'replica' }, () => undefined)], { url });
    let hasEnded = false;
    const job = app.get(PeriodicTasks).clusterOnce('nightly', HOUR_MS, async (signal) => {
      await untilAborted(signal).catch(() => undefined);
      hasEnded = true;
    });
    await until('it runs', async () => (await claim()) !== undefined);
    await app.close();
    expect(hasEnded).toBe(true);
    expect(await job).toBe(true);
  });
});

describe('a replica that is killed in a run', () => {
  beforeAll(built);

  it('does not prevent the next run on other replicas', async () => {
    const everyMs = 3_000;
    const env = { DATABASE_URL: direct, EVERY_MS: String(everyMs), LEASE_MS: '1000' };
    const start = async (more: Record<string, string>) => {
      const program = new Program(resolve('test/fixtures/periodic-replica.mjs'), { ...env, ...more });
      programs.push(program);
      await program.says('started');
      return program;
    };
    const victim = await start({ HANGS: 'true' });
    await victim.says('running');
    const other = await start({});
    victim.kill('SIGKILL');
    await other.says('running');
    const [pause = 0] = await pauses();
    expect(pause).toBeGreaterThanOrEqual(everyMs);
  });
});

describe('replicas with wrong clocks', () => {
  beforeAll(built);

  it('use the clock of the database for the period', async () => {
    const everyMs = 500;
    const starts = [-DAY_MS, 0, DAY_MS].map(async (offset) => {
      const env = {
        DATABASE_URL: direct,
        EVERY_MS: String(everyMs),
        LEASE_MS: '2000',
        CLOCK_OFFSET_MS: String(offset),
      };
      const program = new Program(resolve('test/fixtures/periodic-replica.mjs'), env);
      programs.push(program);
      await program.says('started');
    });
    await Promise.all(starts);
    const before = await runCount();
    await until('there are five more runs', async () => (await runCount()) >= before + 5);
    expect(Math.min(...(await pauses()))).toBeGreaterThanOrEqual(everyMs);
  });
});

describe('a job of @nestjs/schedule in clusterOnce()', () => {
  it('runs once a second on two replicas, one of which is 120 ms late', async () => {
    const fired = [0, 0];
    let instances = 0;

    @Injectable()
    class Reports {
      private readonly number = instances++;

      constructor(private readonly tasks: PeriodicTasks) {}

      @Cron('* * * * * *')
      async send(): Promise<void> {
        if (this.number === 1) await sleep(120);
        await this.tasks.clusterOnce('reports', 1_000, () => recordRun(this.number));
        fired[this.number] = (fired[this.number] ?? 0) + 1;
      }
    }
    const imports = [ScheduleModule.forRoot()];
    const apps = [await replica(Reports, { imports }), await replica(Reports, { imports })];
    await until('both timers have fired several times', () => fired.every((count) => count >= 4));
    expect(await runCount()).toBeGreaterThan(1);
    expect(Math.min(...(await pauses()))).toBeGreaterThanOrEqual(500);
    expect(apps.map((app) => statusOn(app).consecutiveFailures)).toEqual([0, 0]);
  });

  it('runs once when two replicas ask at the same moment, and again half a period later', async () => {
    const task = taskOf({ scope: 'replica' }, () => undefined);
    const jobs = [await replica(task), await replica(task)].map((app) => app.get(PeriodicTasks));
    const round = () =>
      Promise.all(jobs.map((tasks, by) => tasks.clusterOnce('nightly', 2_000, () => recordRun(by)).then(Number)));
    const results = await Promise.all([round(), round(), round()]);
    expect(results.flat().reduce((sum, one) => sum + one)).toBe(1);
    await until('the next tick has come', async () => (await round()).includes(1));
    expect(Math.min(...(await pauses()))).toBeGreaterThanOrEqual(1_000);
  });

  it('throws the error of the job, and counts it as a failure', async () => {
    const tasks = (await replica(taskOf({ scope: 'replica' }, () => undefined))).get(PeriodicTasks);
    const run = tasks.clusterOnce('nightly', HOUR_MS, () => {
      throw new Error('no paper');
    });
    await expect(run).rejects.toThrow('no paper');
    expect(await claim()).toMatchObject({ name: 'nightly', failures: 1 });
    expect(await tasks.clusterOnce('nightly', HOUR_MS, () => undefined)).toBe(false);
  });

  it('is refused if the table of claims does not exist', async () => {
    const app = await replica(
      taskOf({ scope: 'replica' }, () => undefined),
      { migrations: [] },
    );
    await expect(app.get(PeriodicTasks).clusterOnce('nightly', HOUR_MS, () => undefined)).rejects.toThrow(
      'Add periodicTasksMigrations',
    );
  });

  it('works if transactions are serializable by default', async () => {
    const database = new URL(direct).pathname.slice(1);
    await query(direct, `ALTER DATABASE "${database}" SET default_transaction_isolation = 'serializable'`);
    const tasks = (await replica(taskOf({ scope: 'replica' }, () => undefined))).get(PeriodicTasks);
    await tasks.clusterOnce('nightly', HOUR_MS, () => undefined);
    await query(direct, `UPDATE periodic_task_claims SET started_at = now() - interval '1 day'`);
    const asked = Array.from({ length: 4 }, () => tasks.clusterOnce('nightly', HOUR_MS, () => recordRun(0)));
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
  });
});

describe('a start', () => {
  it.each([
    [
      'without a database',
      () => startTaskApp([taskOf({}, () => undefined)]),
      'The periodic task reports runs on one replica among all (scope cluster), which needs PostgreSQL. Add ' +
        'DatabaseModule.forRoot({ url, migrations }) to the imports of the application.',
    ],
    [
      'without the table',
      () => startTaskApp([taskOf({}, () => undefined)], { url, migrations: [] }),
      'Add periodicTasksMigrations of nest-bulwark/periodic-tasks to the migrations',
    ],
  ])('%s fails and says what to add', async (_what, start, message) => {
    await expect(start()).rejects.toThrow(message);
  });

  it('without a database works for tasks with the scope "replica"', async () => {
    let runs = 0;
    const app = await startTaskApp([taskOf({ scope: 'replica', everyMs: 10 }, () => void runs++)]);
    replicas.push(app);
    await until('it runs again', () => runs > 1);
    expect(runs).toBeGreaterThan(1);
  });
});
