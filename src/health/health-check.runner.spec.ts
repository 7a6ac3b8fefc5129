import { describe, expect, it } from 'vitest';
import type { HealthContributorOptions, HealthReport } from '../ports/index.js';
import { until } from '../../test/support/until.js';
import { HealthCheckRunner } from './health-check.runner.js';

/** A check that the test finishes. */
class Subject {
  runs = 0;
  signal: AbortSignal | undefined;
  finish: (report?: HealthReport) => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;

  constructor(private readonly result?: () => HealthReport | void | Promise<HealthReport | void>) {}

  check(signal: AbortSignal): Promise<HealthReport | void> | HealthReport | void {
    this.runs++;
    this.signal = signal;
    if (this.result) return this.result();
    return new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
  }
}

const createRunner = (subject: Subject, options: Partial<HealthContributorOptions> = {}) =>
  new HealthCheckRunner(subject, { key: 'subject', cacheMs: 0, timeoutMs: 20, ...options });

describe('the result of a check', () => {
  it.each<[string, () => HealthReport | void | Promise<HealthReport | void>, object]>([
    ['no report', () => undefined, { state: 'up', details: {} }],
    ['details', () => ({ ms: 3 }), { state: 'up', details: { ms: 3 } }],
    ['a promise of details', async () => ({ ms: 3 }), { state: 'up', details: { ms: 3 } }],
    [
      'a degraded state',
      () => ({ ms: 3, degraded: 'slow' }),
      { state: 'degraded', details: { ms: 3, reason: 'slow' } },
    ],
    ['a rejection', () => Promise.reject(new Error('refused')), { state: 'down', details: { reason: 'refused' } }],
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- checks of an application may do it
    ['a rejection without an Error', () => Promise.reject('no'), { state: 'down', details: { reason: 'no' } }],
    [
      'an exception',
      () => {
        throw new TypeError('broken check');
      },
      { state: 'down', details: { reason: 'broken check' } },
    ],
    [
      'an Error without a message',
      () => Promise.reject(new AggregateError([])),
      { state: 'down', details: { reason: 'AggregateError' } },
    ],
  ])('is reported: %s', async (_what, result, expected) => {
    expect(await createRunner(new Subject(result)).getResult()).toEqual(expected);
  });

  it('is degraded and not down if the check is not critical', async () => {
    const subject = new Subject(() => Promise.reject(new Error('refused')));
    expect(await createRunner(subject, { critical: false }).getResult()).toMatchObject({ state: 'degraded' });
    expect(await createRunner(new Subject(), { critical: false }).getResult()).toMatchObject({ state: 'degraded' });
  });
});

describe('a check that does not finish', () => {
  it('is reported as down at its time limit, and its signal is aborted', async () => {
    const subject = new Subject();
    expect(await createRunner(subject).getResult()).toEqual({
      state: 'down',
      details: { reason: 'no answer within 20 ms' },
    });
    await until('the signal is aborted', () => subject.signal?.aborted === true);
    expect(subject.signal?.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('is not started again before it finishes, so that probes do not queue up at a hung database', async () => {
    const subject = new Subject();
    const runner = createRunner(subject);
    for (let i = 0; i < 5; i++) expect(await runner.getResult()).toMatchObject({ state: 'down' });
    expect(subject.runs).toBe(1);
    subject.finish();
    let next = runner.getResult();
    await until('the run has finished and another has started', () => {
      next = runner.getResult();
      return subject.runs === 2;
    });
    subject.finish();
    expect((await next).state).toBe('up');
  });

  it('stays down while its result is cached, even if it finishes late, so that the state does not flap', async () => {
    const subject = new Subject();
    const runner = createRunner(subject, { cacheMs: 60_000 });
    expect((await runner.getResult()).state).toBe('down');
    subject.finish();
    await new Promise(setImmediate);
    expect((await runner.getResult()).state).toBe('down');
    expect(subject.runs).toBe(1);
  });
});

describe('many probes', () => {
  it('share one run: 1000 parallel probes cause one run', async () => {
    const subject = new Subject();
    const runner = createRunner(subject, { timeoutMs: 10_000 });
    const results = Array.from({ length: 1000 }, () => runner.getResult());
    subject.finish({ ms: 1 });
    expect(new Set(await Promise.all(results))).toEqual(new Set([{ state: 'up', details: { ms: 1 } }]));
    expect(subject.runs).toBe(1);
  });

  it('share one failure too', async () => {
    const subject = new Subject();
    const runner = createRunner(subject, { timeoutMs: 10_000 });
    const results = Array.from({ length: 10 }, () => runner.getResult());
    subject.fail(new Error('refused'));
    expect((await Promise.all(results)).every(({ state }) => state === 'down')).toBe(true);
    expect(subject.runs).toBe(1);
  });

  it('get a cached result until it expires', async () => {
    const cached = new Subject(() => undefined);
    const caching = createRunner(cached, { cacheMs: 60_000 });
    for (let i = 0; i < 10; i++) await caching.getResult();
    expect(cached.runs).toBe(1);
    const uncached = new Subject(() => undefined);
    const withoutCache = createRunner(uncached, { cacheMs: 0 });
    for (let i = 0; i < 10; i++) await withoutCache.getResult();
    expect(uncached.runs).toBe(10);
  });

  it('see a recovered component as soon as the cached result expires', async () => {
    let isUp = false;
    const subject = new Subject(() => (isUp ? undefined : Promise.reject(new Error('refused'))));
    const runner = createRunner(subject, { cacheMs: 5 });
    expect((await runner.getResult()).state).toBe('down');
    isUp = true;
    await until('it is up', async () => (await runner.getResult()).state === 'up');
    expect(subject.runs).toBe(2);
  });
});

it('belongs to the groups ready, full and deep by default', () => {
  expect(createRunner(new Subject()).groups).toEqual(['ready', 'full', 'deep']);
  expect(createRunner(new Subject(), { groups: ['full'] }).groups).toEqual(['full']);
});
