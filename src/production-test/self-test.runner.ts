import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { getSingleton } from '../common/index.js';
import { ProblemException } from '../problem/index.js';
import { getGroup, createReport, runCheck, warn, type CheckResult } from '../reports/index.js';
import { RunHistory, type Run } from './run-history.js';
import { RUN_TIMEOUT_MS, SelfTest, type SelfTestCheck, type SelfTestSuite } from './self-test.js';

/** The result of a group: its worst status, with the results of its checks. @publicApi */
export interface GroupResult extends CheckResult {
  checks: CheckResult[];
}

/** Called after each check of a run. */
export type ProgressListener = (progress: { done: number; of: number; result: CheckResult }) => void;

/** High enough to use waiting time, and low enough not to slow down requests of other clients. */
const MAX_CONCURRENT_CHECKS = 8;

/** Runs the checks. If a run is already active, further callers share its result. */
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
    for (const wrapper of this.discovery.getProviders({ metadataKey: SelfTest.KEY })) {
      const provided = getSingleton<SelfTestCheck | SelfTestSuite>(wrapper, '@SelfTest()');
      for (const check of 'checks' in provided ? provided.checks : [provided]) {
        if (this.checks.has(check.name))
          throw new Error(`Two self-tests have the name "${check.name}". Rename one of them.`);
        this.checks.set(check.name, check);
      }
    }
  }

  list(): { check: string; group: string; title: string; reference: string }[] {
    return [...this.checks.values()].map(({ name, title, reference }) => ({
      check: name,
      group: getGroup(name),
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
    const checks = [...this.checks.values()].filter(({ name }) => name === group || getGroup(name) === group);
    if (checks.length === 0) {
      throw new ProblemException('NOT_FOUND', `There is no check "${group}". GET /production-test lists the checks.`);
    }
    let running = this.runningGroups.get(group);
    if (!running) {
      running = this.runConcurrently(checks).finally(() => this.runningGroups.delete(group));
      this.runningGroups.set(group, running);
    }
    return combineResults(group, await running);
  }

  /** Runs all checks. Callers during a run share the run and its report. Each listener gets every further result. */
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
    const results = await this.runConcurrently(checks, (result) => {
      done += 1;
      for (const listener of this.listeners) listener({ done, of: checks.length, result });
    });
    const run = { id: randomUUID(), ...createReport(results, startedAt, performance.now() - started) };
    await this.history.add(run);
    return run;
  }

  private async runConcurrently(
    checks: readonly SelfTestCheck[],
    onResult: (result: CheckResult) => void = () => undefined,
  ): Promise<CheckResult[]> {
    const limit = new AbortController();
    const timeout = sleep(this.timeoutMs, 'overtime' as const, { signal: limit.signal }).catch(() => 'ended' as const);
    const results: CheckResult[] = [];
    const waiting = checks.entries();
    const worker = async () => {
      // All workers share one iterator, so each check is run by one worker.
      for (const [i, check] of waiting) {
        const result = await runCheck(check, async () => {
          const outcome = await Promise.race([timeout, check.run()]);
          if (typeof outcome !== 'string') return outcome;
          return warn({ unfinishedAfterMs: this.timeoutMs }, `Run this check alone: /production-test/${check.name}.`);
        });
        results[i] = result;
        onResult(result);
      }
    };
    await Promise.all(Array.from({ length: MAX_CONCURRENT_CHECKS }, worker));
    limit.abort();
    return results;
  }
}

/** Combines the results of a group into one result. */
function combineResults(group: string, checks: CheckResult[]): GroupResult {
  const { status, summary, score } = createReport(checks, new Date(), 0);
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
