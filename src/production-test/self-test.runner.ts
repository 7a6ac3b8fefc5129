import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ProblemException } from '../problem/index.js';
import { groupOf, reportOf, timed, warn, type CheckResult } from '../reports/index.js';
import { RunHistory, type Run } from './run-history.js';
import { RUN_TIMEOUT_MS, SelfTest, type SelfTestCheck, type SelfTestSuite } from './self-test.js';

/** A group as one result: its worst status, with the results of its checks. @publicApi */
export interface GroupResult extends CheckResult {
  checks: CheckResult[];
}

/** Told of each result of a run as it comes. */
export type ProgressListener = (progress: { done: number; of: number; result: CheckResult }) => void;

/** Checks side by side: enough to hide waiting, too few to starve the requests of others. */
const AT_ONCE = 8;

/** Runs the checks. What is already running is not started again: its result serves all who ask meanwhile. */
@Injectable()
export class SelfTestRunner implements OnApplicationBootstrap {
  private readonly checks = new Map<string, SelfTestCheck>();
  private readonly runningGroups = new Map<string, Promise<CheckResult[]>>();
  private readonly listeners = new Set<ProgressListener>();
  private runningAll: Promise<Run> | undefined;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly history: RunHistory,
    @Inject(RUN_TIMEOUT_MS) private readonly timeoutMs: number,
  ) {}

  onApplicationBootstrap(): void {
    for (const { instance } of this.discovery.getProviders({ metadataKey: SelfTest.KEY })) {
      const provided = instance as SelfTestCheck | SelfTestSuite;
      for (const check of 'checks' in provided ? provided.checks : [provided]) {
        if (this.checks.has(check.name)) throw new Error(`Two self-tests are called "${check.name}"; rename one`);
        this.checks.set(check.name, check);
      }
    }
  }

  list(): { check: string; group: string; title: string; reference: string }[] {
    return [...this.checks.values()].map(({ name, title, reference }) => ({
      check: name,
      group: groupOf(name),
      title,
      reference,
    }));
  }

  /**
   * Runs the checks of one group.
   *
   * @throws ProblemException `NOT_FOUND`
   */
  async runGroup(group: string): Promise<GroupResult> {
    const checks = [...this.checks.values()].filter(({ name }) => name === group || groupOf(name) === group);
    if (checks.length === 0) {
      throw new ProblemException('NOT_FOUND', `There is no check "${group}"; GET /production-test lists them.`);
    }
    let running = this.runningGroups.get(group);
    if (!running) {
      running = this.runSideBySide(checks).finally(() => this.runningGroups.delete(group));
      this.runningGroups.set(group, running);
    }
    return asOne(group, await running);
  }

  /** Runs every check; whoever asks meanwhile gets the same report, and whoever listens every result as it comes. */
  async runAll(listener?: ProgressListener): Promise<Run> {
    if (listener) this.listeners.add(listener);
    try {
      this.runningAll ??= this.startAll().finally(() => (this.runningAll = undefined));
      return await this.runningAll;
    } finally {
      if (listener) this.listeners.delete(listener);
    }
  }

  private async startAll(): Promise<Run> {
    const startedAt = new Date();
    const started = performance.now();
    const checks = [...this.checks.values()];
    let done = 0;
    const results = await this.runSideBySide(checks, (result) => {
      done += 1;
      for (const listener of this.listeners) listener({ done, of: checks.length, result });
    });
    const run = { id: randomUUID(), ...reportOf(results, startedAt, performance.now() - started) };
    await this.history.keep(run);
    return run;
  }

  private async runSideBySide(
    checks: readonly SelfTestCheck[],
    onResult: (result: CheckResult) => void = () => undefined,
  ): Promise<CheckResult[]> {
    const limit = new AbortController();
    const overtime = sleep(this.timeoutMs, 'overtime' as const, { signal: limit.signal }).catch(() => 'ended' as const);
    const results: CheckResult[] = [];
    const waiting = checks.entries();
    const worker = async () => {
      // All workers take from one iterator, each the next that nobody has taken.
      for (const [i, check] of waiting) {
        const result = await timed(check, async () => {
          const finding = await Promise.race([overtime, check.run()]);
          if (typeof finding !== 'string') return finding;
          return warn({ unfinishedAfterMs: this.timeoutMs }, `Run it by itself: /production-test/${check.name}.`);
        });
        results[i] = result;
        onResult(result);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    limit.abort();
    return results;
  }
}

/** As one check, in the form that every check answers in. */
function asOne(group: string, checks: CheckResult[]): GroupResult {
  const { status, summary, score } = reportOf(checks, new Date(), 0);
  const remedies = checks.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy]));
  return {
    check: group,
    title: checks.map(({ title }) => title).join('. '),
    status,
    evidence: { summary, score },
    ...(remedies.length > 0 && { remedy: [...new Set(remedies)].join(' ') }),
    durationMs: Math.max(...checks.map(({ durationMs }) => durationMs)),
    reference: [...new Set(checks.flatMap(({ reference }) => reference.split('; ')))].join('; '),
    checks,
  };
}
