import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ProblemException } from '../common/index.js';
import { SelfTest, type CheckResult, type CheckStatus, type SelfTestCheck } from './self-test.check.js';

/** The result of all checks together. */
export interface Report {
  status: CheckStatus;
  summary: Record<CheckStatus, number>;
  durationMs: number;
  checks: CheckResult[];
}

/** Runs the checks. A check that is already running is not started again: its result serves all who ask meanwhile. */
@Injectable()
export class ProductionTestService implements OnApplicationBootstrap {
  private readonly checks = new Map<string, { check: SelfTestCheck; description: string }>();
  private readonly running = new Map<string, Promise<CheckResult>>();

  private runningAll: Promise<Report> | undefined;

  constructor(private readonly discovery: DiscoveryService) {}

  onApplicationBootstrap(): void {
    for (const wrapper of this.discovery.getProviders({ metadataKey: SelfTest.KEY })) {
      const check = wrapper.instance as SelfTestCheck;
      const description = this.discovery.getMetadataByDecorator(SelfTest, wrapper)?.description ?? '';
      if (this.checks.has(check.name)) throw new Error(`Two self-tests are called "${check.name}"; rename one`);
      this.checks.set(check.name, { check, description });
    }
  }

  list(): { check: string; description: string; reference: string }[] {
    return [...this.checks.values()].map(({ check: { name, reference }, description }) => ({
      check: name,
      description,
      reference,
    }));
  }

  /** @throws ProblemException `NOT_FOUND` */
  run(name: string): Promise<CheckResult> {
    const entry = this.checks.get(name);
    if (!entry)
      throw new ProblemException('NOT_FOUND', `There is no check "${name}"; GET /production-test lists them.`);
    let running = this.running.get(name);
    if (!running) {
      running = timed(entry.check).finally(() => this.running.delete(name));
      this.running.set(name, running);
    }
    return running;
  }

  /** Runs every check side by side; whoever asks meanwhile gets the same report. */
  runAll(): Promise<Report> {
    this.runningAll ??= this.startAll().finally(() => (this.runningAll = undefined));
    return this.runningAll;
  }

  private async startAll(): Promise<Report> {
    const started = performance.now();
    const checks = await Promise.all([...this.checks.keys()].map((name) => this.run(name)));
    const count = (status: CheckStatus) => checks.filter((result) => result.status === status).length;
    const summary = { pass: count('pass'), warn: count('warn'), fail: count('fail'), skip: count('skip') };
    const status = summary.fail > 0 ? 'fail' : summary.warn > 0 ? 'warn' : 'pass';
    return { status, summary, durationMs: Math.round(performance.now() - started), checks };
  }
}

async function timed(check: SelfTestCheck): Promise<CheckResult> {
  const started = performance.now();
  const finding = await check.run().catch((error: unknown) => ({
    status: 'fail' as const,
    evidence: { error: error instanceof Error ? error.message : String(error) },
    remedy: 'The check could not be completed; the evidence says why.',
  }));
  return {
    check: check.name,
    ...finding,
    durationMs: Math.round(performance.now() - started),
    reference: check.reference,
  };
}
