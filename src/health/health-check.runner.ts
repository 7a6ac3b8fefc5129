import type { HealthContributor, HealthContributorOptions, HealthGroup, HealthReport } from '../ports/index.js';

/** @publicApi */
export type HealthState = 'up' | 'degraded' | 'down';

/** What a check found: its state and, for those who may see them, details. */
export interface HealthFinding {
  readonly state: HealthState;
  readonly details: Readonly<Record<string, unknown>>;
}

/** One run of a check, on behalf of all who ask while it lasts. */
interface Run {
  readonly startedAt: number;
  /** Whether somebody has been told that it took too long. */
  isLate: boolean;
  finding: Promise<HealthFinding>;
}

const DEFAULT_TIMEOUT_MS = 1_000;
const DEFAULT_CACHE_MS = 1_000;
const DEFAULT_GROUPS: readonly HealthGroup[] = ['ready', 'full', 'deep'];

/**
 * Runs one check on behalf of any number of probes: one run at a time, its result kept for a moment, an answer within
 * the time limit even when the check never ends. A check that hangs is not started again until it has ended, so that
 * probes of a hung database do not pile up queries in front of it.
 */
export class HealthCheckRunner {
  readonly key: string;
  readonly groups: readonly HealthGroup[];
  private readonly isCritical: boolean;
  private readonly timeoutMs: number;
  private readonly cacheMs: number;
  private running: Run | undefined;
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

  private start(): Run {
    const run: Run = { startedAt: performance.now(), isLate: false, finding: this.run() };
    run.finding = run.finding.then((found) => {
      // An answer that came too late was no answer to those who asked; keeping it would have the state flap.
      const kept = run.isLate ? this.late() : found;
      this.last = { finding: kept, at: performance.now() };
      this.running = undefined;
      return kept;
    });
    return run;
  }

  private async run(): Promise<HealthFinding> {
    try {
      const report = (await this.contributor.check(AbortSignal.timeout(this.timeoutMs))) ?? {};
      return this.finding(report);
    } catch (error) {
      return this.failure(error instanceof Error ? error.message || error.name : String(error));
    }
  }

  private async withinLimit(run: Run): Promise<HealthFinding> {
    const remainingMs = Math.max(0, this.timeoutMs - (performance.now() - run.startedAt));
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<HealthFinding>((resolve) => {
      timer = setTimeout(() => {
        run.isLate = true;
        resolve(this.late());
      }, remainingMs);
    });
    return Promise.race([run.finding, limit]).finally(() => clearTimeout(timer));
  }

  private late(): HealthFinding {
    return this.failure(`no answer within ${this.timeoutMs} ms`);
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
