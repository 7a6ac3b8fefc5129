import type { HealthContributor, HealthContributorOptions, HealthReport } from '../common/index.js';

/** @publicApi */
export type HealthState = 'up' | 'degraded' | 'down';

/** What a check found: its state and, for those who may see them, details. */
export interface HealthFinding {
  readonly state: HealthState;
  readonly details: Readonly<Record<string, unknown>>;
}

const DEFAULT_TIMEOUT_MS = 1_000;
const DEFAULT_CACHE_MS = 1_000;
const DEFAULT_GROUPS = ['ready', 'full'];

/**
 * Runs one check on behalf of any number of probes: one run at a time, its result kept for a moment, an answer within
 * the time limit even when the check never ends. A check that hangs is not started again until it has ended, so that
 * probes of a hung database do not pile up queries in front of it.
 */
export class HealthCheckRunner {
  readonly key: string;
  readonly groups: readonly string[];
  private readonly isCritical: boolean;
  private readonly timeoutMs: number;
  private readonly cacheMs: number;
  private running: { finding: Promise<HealthFinding>; startedAt: number } | undefined;
  private last: { finding: HealthFinding; at: number } | undefined;

  constructor(
    private readonly contributor: HealthContributor,
    options: HealthContributorOptions,
  ) {
    this.key = options.key;
    this.groups = options.groups ?? DEFAULT_GROUPS;
    this.isCritical = options.critical ?? true;
    this.timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.cacheMs = options.cacheMs ?? DEFAULT_CACHE_MS;
  }

  async find(): Promise<HealthFinding> {
    if (this.last && performance.now() - this.last.at < this.cacheMs) return this.last.finding;
    this.running ??= this.start();
    return this.withinLimit(this.running);
  }

  private start(): { finding: Promise<HealthFinding>; startedAt: number } {
    const finding = this.run().then((found) => {
      this.last = { finding: found, at: performance.now() };
      this.running = undefined;
      return found;
    });
    return { finding, startedAt: performance.now() };
  }

  private async run(): Promise<HealthFinding> {
    try {
      const report = (await this.contributor.check(AbortSignal.timeout(this.timeoutMs))) ?? {};
      return this.finding(report);
    } catch (error) {
      return this.failure(error instanceof Error ? error.message || error.name : String(error));
    }
  }

  private async withinLimit({ finding, startedAt }: { finding: Promise<HealthFinding>; startedAt: number }) {
    const remainingMs = Math.max(0, this.timeoutMs - (performance.now() - startedAt));
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<HealthFinding>((resolve) => {
      timer = setTimeout(() => resolve(this.failure(`no answer within ${this.timeoutMs} ms`)), remainingMs);
    });
    return Promise.race([finding, limit]).finally(() => clearTimeout(timer));
  }

  private finding({ degraded, ...details }: HealthReport): HealthFinding {
    return degraded === undefined
      ? { state: 'up', details }
      : { state: 'degraded', details: { ...details, reason: degraded } };
  }

  private failure(reason: string): HealthFinding {
    return { state: this.isCritical ? 'down' : 'degraded', details: { reason } };
  }
}
