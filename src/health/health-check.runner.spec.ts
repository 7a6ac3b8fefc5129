import { describe, expect, it } from 'vitest';
import type { HealthContributorOptions, HealthReport } from '../ports/index.js';
import { until } from '../../test/support/until.js';
import { HealthCheckRunner } from './health-check.runner.js';

/** A check whose end the test decides. */
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

const runnerOf = (subject: Subject, options: Partial<HealthContributorOptions> = {}) =>
  new HealthCheckRunner(subject, { key: 'subject', cacheMs: 0, timeoutMs: 20, ...options });

describe('what a check finds', () => {
  it.each<[string, () => HealthReport | void | Promise<HealthReport | void>, object]>([
    ['nothing to say', () => undefined, { state: 'up', details: {} }],
    ['details', () => ({ ms: 3 }), { state: 'up', details: { ms: 3 } }],
    ['a promise of details', async () => ({ ms: 3 }), { state: 'up', details: { ms: 3 } }],
    ['an impairment', () => ({ ms: 3, degraded: 'slow' }), { state: 'degraded', details: { ms: 3, reason: 'slow' } }],
    ['a rejection', () => Promise.reject(new Error('refused')), { state: 'down', details: { reason: 'refused' } }],
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- checks of others do it
    ['a rejection without an Error', () => Promise.reject('no'), { state: 'down', details: { reason: 'no' } }],
    [
      'an exception',
      () => {
        throw new TypeError('broken check');
      },
      { state: 'down', details: { reason: 'broken check' } },
    ],
    [
      'an Error without words',
      () => Promise.reject(new AggregateError([])),
      { state: 'down', details: { reason: 'AggregateError' } },
    ],
  ])('is told: %s', async (_what, result, finding) => {
    expect(await runnerOf(new Subject(result)).find()).toEqual(finding);
  });

  it('only impairs the whole when the check is not critical', async () => {
    const subject = new Subject(() => Promise.reject(new Error('refused')));
    expect(await runnerOf(subject, { critical: false }).find()).toMatchObject({ state: 'degraded' });
    expect(await runnerOf(new Subject(), { critical: false }).find()).toMatchObject({ state: 'degraded' });
  });
});

describe('a check that does not end', () => {
  it('is answered for at its time limit, and told to stop', async () => {
    const subject = new Subject();
    expect(await runnerOf(subject).find()).toEqual({ state: 'down', details: { reason: 'no answer within 20 ms' } });
    await until('it is told', () => subject.signal?.aborted === true);
    expect(subject.signal?.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('is not started again before it ends, so that probes do not pile up in front of a hung database', async () => {
    const subject = new Subject();
    const runner = runnerOf(subject);
    for (let i = 0; i < 5; i++) expect(await runner.find()).toMatchObject({ state: 'down' });
    expect(subject.runs).toBe(1);
    subject.finish();
    let next = runner.find();
    await until('the run has ended and another begun', () => {
      next = runner.find();
      return subject.runs === 2;
    });
    subject.finish();
    expect((await next).state).toBe('up');
  });

  it('is down for as long as its result is kept, even when it ends late: the state does not flap', async () => {
    const subject = new Subject();
    const runner = runnerOf(subject, { cacheMs: 60_000 });
    expect((await runner.find()).state).toBe('down');
    subject.finish();
    await new Promise(setImmediate);
    expect((await runner.find()).state).toBe('down');
    expect(subject.runs).toBe(1);
  });
});

describe('many probes', () => {
  it('share one run: 1000 at once make one', async () => {
    const subject = new Subject();
    const runner = runnerOf(subject, { timeoutMs: 10_000 });
    const findings = Array.from({ length: 1000 }, () => runner.find());
    subject.finish({ ms: 1 });
    expect(new Set(await Promise.all(findings))).toEqual(new Set([{ state: 'up', details: { ms: 1 } }]));
    expect(subject.runs).toBe(1);
  });

  it('share one failure, too', async () => {
    const subject = new Subject();
    const runner = runnerOf(subject, { timeoutMs: 10_000 });
    const findings = Array.from({ length: 10 }, () => runner.find());
    subject.fail(new Error('refused'));
    expect((await Promise.all(findings)).every(({ state }) => state === 'down')).toBe(true);
    expect(subject.runs).toBe(1);
  });

  it('are served from what was found a moment ago, and no longer', async () => {
    const kept = new Subject(() => undefined);
    const keeping = runnerOf(kept, { cacheMs: 60_000 });
    for (let i = 0; i < 10; i++) await keeping.find();
    expect(kept.runs).toBe(1);
    const fresh = new Subject(() => undefined);
    const forgetful = runnerOf(fresh, { cacheMs: 0 });
    for (let i = 0; i < 10; i++) await forgetful.find();
    expect(fresh.runs).toBe(10);
  });

  it('see a failure end as soon as the cache does', async () => {
    let isUp = false;
    const subject = new Subject(() => (isUp ? undefined : Promise.reject(new Error('refused'))));
    const runner = runnerOf(subject, { cacheMs: 5 });
    expect((await runner.find()).state).toBe('down');
    isUp = true;
    await until('it is up', async () => (await runner.find()).state === 'up');
    expect(subject.runs).toBe(2);
  });
});

it('belongs to readiness and to the full and deep reports unless it says otherwise', () => {
  expect(runnerOf(new Subject()).groups).toEqual(['ready', 'full', 'deep']);
  expect(runnerOf(new Subject(), { groups: ['full'] }).groups).toEqual(['full']);
});
