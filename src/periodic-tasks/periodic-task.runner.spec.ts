import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PeriodicTaskRunner, type PeriodicTaskDefinition } from './periodic-task.runner.js';

/** A run that ends when the test says so. */
interface Run {
  readonly startedAt: number;
  readonly signal: AbortSignal;
  end(error?: Error): Promise<void>;
}

let runs: Run[];
let runners: PeriodicTaskRunner[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0);
  Logger.overrideLogger(false);
  [runs, runners] = [[], []];
});
afterEach(async () => {
  for (const runner of runners) {
    const stopped = runner.stop();
    await runs.at(-1)?.end();
    await stopped;
  }
  vi.useRealTimers();
  vi.restoreAllMocks();
  Logger.overrideLogger(true);
});

const times = () => runs.map(({ startedAt }) => Math.round(startedAt));
const settle = () => vi.advanceTimersByTimeAsync(0);

function startTask(task: Partial<PeriodicTaskDefinition> = {}): PeriodicTaskRunner {
  const runner = new PeriodicTaskRunner({ name: 'sweep', everyMs: 1_000, jitterMs: 0, run: held, ...task });
  runners.push(runner);
  const startedAt = performance.now();
  runner.start();
  return runner;

  function held(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      runs.push({
        startedAt: performance.now() - startedAt,
        signal,
        end: (error) => {
          if (error) reject(error);
          else resolve();
          return settle().then(() => undefined);
        },
      });
    });
  }
}

/** Runs that end in the moment in which they begin. */
function startQuickTask(task: Partial<PeriodicTaskDefinition> = {}, failures = 0): PeriodicTaskRunner {
  const startedAt = performance.now();
  return startTask({
    run: (signal) => {
      runs.push({ startedAt: performance.now() - startedAt, signal, end: () => Promise.resolve() });
      if (runs.length <= failures) throw new Error('not yet');
    },
    ...task,
  });
}

describe('ticks', () => {
  it('come after each interval, the first one after one interval', async () => {
    startQuickTask();
    await vi.advanceTimersByTimeAsync(3_500);
    expect(times()).toEqual([1_000, 2_000, 3_000]);
  });

  it('begin at once where the task says so', async () => {
    startQuickTask({ runAtStart: true });
    await vi.advanceTimersByTimeAsync(1_500);
    expect(times()).toEqual([0, 1_000]);
  });

  it('are delayed at random, and the delays do not add up', async () => {
    vi.mocked(Math.random).mockReturnValueOnce(0.5).mockReturnValueOnce(0.9).mockReturnValueOnce(0);
    startQuickTask({ jitterMs: 100 });
    await vi.advanceTimersByTimeAsync(3_100);
    expect(times()).toEqual([1_050, 2_090, 3_000]);
  });

  it('that pass during a run are skipped', async () => {
    startTask();
    await vi.advanceTimersByTimeAsync(3_500);
    expect(times()).toEqual([1_000]);
    await runs[0]?.end();
    expect(runs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(times()).toEqual([1_000, 4_000]);
  });

  it('follow an interval that changes', async () => {
    let everyMs = 1_000;
    startQuickTask({ everyMs: () => everyMs });
    everyMs = 4_000;
    await vi.advanceTimersByTimeAsync(6_000);
    expect(times()).toEqual([1_000, 5_000]);
  });

  it('may be further apart than a timer of Node.js can wait', async () => {
    const month = 31 * 86_400_000;
    startQuickTask({ everyMs: month });
    await vi.advanceTimersByTimeAsync(month - 1);
    expect(runs).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toHaveLength(1);
  });
});

describe('a failure', () => {
  it('is tried again after pauses that double up to the longest one, and a success ends them', async () => {
    vi.mocked(Math.random).mockReturnValue(1);
    startQuickTask({ everyMs: 60_000, runAtStart: true, retryMinMs: 1_000, retryMaxMs: 4_000 }, 5);
    await vi.advanceTimersByTimeAsync(80_000);
    // 1 s, 2 s, then 4 s at most; after the success of the sixth run, the interval.
    expect(times()).toEqual([0, 1_000, 3_000, 7_000, 11_000, 15_000, 75_000]);
  });

  it('is followed by half of the pause at least, so that replicas do not try at the same time', async () => {
    startQuickTask({ everyMs: 60_000, runAtStart: true, retryMinMs: 1_000 }, 1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(times()).toEqual([0, 500]);
  });

  it('shows in the status until the next success', async () => {
    const runner = startQuickTask({ runAtStart: true }, 2);
    await vi.advanceTimersByTimeAsync(600);
    expect(runner.status).toMatchObject({ consecutiveFailures: 2, lastError: 'not yet', lastSuccess: undefined });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(runner.status).toMatchObject({
      consecutiveFailures: 0,
      lastError: undefined,
      lastSuccess: expect.any(Date),
    });
  });

  it('is logged once as long as it stays the same, and its end is logged', async () => {
    const lines: string[] = [];
    Logger.overrideLogger({
      error: ({ err }: { err: Error }) => void lines.push(err.message),
      log: (text: string) => void lines.push(text),
      warn: () => undefined,
    });
    let reason = 'no database';
    startTask({
      run: () => {
        if (reason !== '') throw new Error(reason);
      },
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lines).toEqual(['no database']);
    reason = 'disk full';
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lines).toEqual(['no database', 'disk full']);
    reason = '';
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lines).toEqual(['no database', 'disk full', expect.stringMatching(/works again after \d+ failures/)]);
  });

  it.each([
    [{ everyMs: 0 }, 'everyMs: 0'],
    [{ everyMs: Number.NaN }, 'everyMs: NaN'],
    [{ retryMinMs: -1 }, 'retryMinMs: -1'],
  ])('of the options %o stops the start', (options, text) => {
    expect(() => new PeriodicTaskRunner({ name: 'sweep', everyMs: 1_000, run: () => undefined, ...options })).toThrow(
      `The periodic task sweep has ${text}. Give it a positive number of milliseconds.`,
    );
  });
});

describe('health', () => {
  it('has no problem with a task that fails for a short time', async () => {
    const { record } = startQuickTask({ degradedAfterMs: 10_000 }, 100);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(record.consecutiveFailures).toBeGreaterThan(1);
    expect(record.problem).toBeUndefined();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(record.problem).toBe('fails');
  });

  it('has a problem with a run that does not end', async () => {
    const { record } = startTask({ degradedAfterMs: 10_000, runAtStart: true });
    await vi.advanceTimersByTimeAsync(11_000);
    expect(record.problem).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(record.problem).toBe('does not end');
  });
});

describe('a run by request', () => {
  it('begins at once, and the next tick is one interval later', async () => {
    const runner = startQuickTask();
    await vi.advanceTimersByTimeAsync(400);
    await runner.runNow();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(times()).toEqual([400, 1_400]);
  });

  it('follows the run in flight, once for all who asked during it', async () => {
    const runner = startTask();
    const done = [runner.runNow(), runner.runNow(), runner.runNow()];
    expect(runs).toHaveLength(1);
    await runs[0]?.end();
    expect(runs).toHaveLength(2);
    let isDone = false;
    void Promise.all(done).then(() => (isDone = true));
    await settle();
    // The run that began before the request may have missed what the request is about.
    expect(isDone).toBe(false);
    await runs[1]?.end();
    expect(isDone).toBe(true);
    expect(runs).toHaveLength(2);
  });

  it('rejects when it fails, and begins also during the pause after a failure', async () => {
    const runner = startQuickTask({ everyMs: 60_000 }, 2);
    await expect(runner.runNow()).rejects.toThrow('not yet');
    await expect(runner.runNow()).rejects.toThrow('not yet');
    await expect(runner.runNow()).resolves.toBeUndefined();
  });

  it('needs no start', async () => {
    const runner = new PeriodicTaskRunner({ name: 'sweep', everyMs: 1_000, run: () => void runs.push({} as Run) });
    await runner.runNow();
    expect(runs).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('runs outside of the request that asked for it', async () => {
    const requests = new AsyncLocalStorage<string>();
    let seen: string | undefined = 'nothing';
    const runner = startTask({ run: () => void (seen = requests.getStore()) });
    await requests.run('request 1', () => runner.runNow());
    expect(seen).toBeUndefined();
  });
});

describe('a wake-up', () => {
  it('during a run is followed by one more run', async () => {
    const runner = startTask();
    runner.wake();
    runner.wake();
    expect(runs).toHaveLength(1);
    runner.wake();
    await runs[0]?.end();
    expect(runs).toHaveLength(2);
    await runs[1]?.end();
    expect(runs).toHaveLength(2);
  });

  it('leaves the pause after a failure as it is', async () => {
    const runner = startQuickTask({ everyMs: 60_000, runAtStart: true, retryMinMs: 1_000 }, 1);
    await vi.advanceTimersByTimeAsync(100);
    runner.wake();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(times()).toEqual([0, 500]);
  });
});

describe('stop', () => {
  it('ends the ticks, aborts the signal of the run in flight and waits for the run', async () => {
    const runner = startTask();
    await vi.advanceTimersByTimeAsync(1_000);
    let isStopped = false;
    const stopped = runner.stop().then(() => (isStopped = true));
    expect(runs[0]?.signal.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(isStopped).toBe(false);
    await runs[0]?.end();
    await stopped;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for so long and no longer', async () => {
    const runner = startTask({ stopTimeoutMs: 2_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    const stopped = runner.stop().catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await stopped).toBe('The periodic task sweep did not end within 2000 ms.');
  });

  it('does not count a run that fails because it was stopped', async () => {
    const runner = startTask();
    await vi.advanceTimersByTimeAsync(1_000);
    const stopped = runner.stop();
    await runs[0]?.end(new Error('aborted'));
    await stopped;
    expect(runner.status.consecutiveFailures).toBe(0);
  });

  it('is the end: neither a request nor a wake-up begins a run', async () => {
    const runner = startTask();
    await runner.stop();
    runner.wake();
    runner.start();
    await expect(runner.runNow()).rejects.toThrow('has been stopped');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(runs).toEqual([]);
  });
});
