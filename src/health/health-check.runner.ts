import type { HealthContributor, HealthContributorOptions, HealthGroup, HealthReport } from '../ports/index.js';

/** @publicApi */
export type HealthState = 'up' | 'degraded' | 'down';

/** Result of a check: its state, and details for callers who may see them. @publicApi */
export interface HealthResult {
  readonly state: HealthState;
  readonly details: Readonly<Record<string, unknown>>;
}

/** One run of a check. All probes that arrive during the run share it. */
interface Run {
  readonly startedAt: number;
  /** Whether a probe has received a timeout as the result of this run. */
  hasTimedOut: boolean;
  result: Promise<HealthResult>;
}

const DEFAULT_TIMEOUT_MS = 1_000;
const DEFAULT_CACHE_MS = 1_000;
const DEFAULT_GROUPS: readonly HealthGroup[] = ['ready', 'full', 'deep'];

/**
 * Runs one check for any number of probes. Only one run is active at a time, and its result is cached for a short time.
 * A probe gets a result within the time limit, even if the check never finishes. A check that hangs is not started again
 * until it has finished, so that probes do not pile up queries at a hung database.
 */
export class HealthCheckRunner {
  readonly key: string;
  readonly groups: readonly HealthGroup[];
  private readonly isCritical: boolean;
  private readonly timeoutMs: number;
  private readonly cacheMs: number;
  private running: Run | undefined;
  private last: { result: HealthResult; at: number } | undefined;

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

  async getResult(): Promise<HealthResult> {
    if (this.last && performance.now() - this.last.at < this.cacheMs) return this.last.result;
    this.running ??= this.start();
    return this.waitWithinTimeout(this.running);
  }

  private start(): Run {
    const run: Run = { startedAt: performance.now(), hasTimedOut: false, result: this.run() };
    run.result = run.result.then((found) => {
      // Probes have already received a timeout. If the late result were cached, the state would flap.
      const result = run.hasTimedOut ? this.timeoutResult() : found;
      this.last = { result, at: performance.now() };
      this.running = undefined;
      return result;
    });
    return run;
  }

  private async run(): Promise<HealthResult> {
    try {
      const report = (await this.contributor.check(AbortSignal.timeout(this.timeoutMs))) ?? {};
      return this.toResult(report);
    } catch (error) {
      return this.failureResult(error instanceof Error ? error.message || error.name : String(error));
    }
  }

  private async waitWithinTimeout(run: Run): Promise<HealthResult> {
    const remainingMs = Math.max(0, this.timeoutMs - (performance.now() - run.startedAt));
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<HealthResult>((resolve) => {
      timer = setTimeout(() => {
        run.hasTimedOut = true;
        resolve(this.timeoutResult());
      }, remainingMs);
    });
    return Promise.race([run.result, limit]).finally(() => clearTimeout(timer));
  }

  private timeoutResult(): HealthResult {
    return this.failureResult(`no answer within ${this.timeoutMs} ms`);
  }

  private toResult({ degraded, ...details }: HealthReport): HealthResult {
    return degraded === undefined
      ? { state: 'up', details }
      : { state: 'degraded', details: { ...details, reason: degraded } };
  }

  private failureResult(reason: string): HealthResult {
    return { state: this.isCritical ? 'down' : 'degraded', details: { reason } };
  }
}
