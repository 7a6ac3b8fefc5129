import { Logger } from '@nestjs/common';
import { withTimeLimit } from '../../common/index.js';
import type { Counter } from '../../ports/index.js';
import type { PeriodicTaskRunner, PeriodicTasks } from '../../periodic-tasks/index.js';
import type { AuditFeed } from '../feed/audit.feed.js';
import type { FeedEvents } from '../feed/feed-events.js';
import type { AuditSink } from './audit-sink.js';
import type { SinkPositions } from './sink-positions.js';

export interface SinkRunnerOptions {
  /** Longest wait for one `write()` of the sink. */
  readonly timeoutMs: number;
  /** Pause before looking again where there was nothing new. */
  readonly pollMs: number;
  readonly tasks: PeriodicTasks;
  readonly delivered: Counter;
  readonly failures: Counter;
  readonly skipped: Counter;
}

/** How a sink is doing, as this process sees it. */
export interface SinkState {
  /** `standby`: another process writes to it. */
  readonly state: 'starting' | 'standby' | 'running' | 'failing' | 'stopped';
  /** Age of the oldest event that it has not got, in milliseconds. */
  readonly behindMs: number;
}

/** So many events go to a sink at once, unless one statement alone has stored more. */
const EVENTS_AT_ONCE = 1_000;
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;

/** Takes one sink through the feed. One process at a time does so, and each sink goes at its own pace. */
export class SinkRunner {
  private readonly logger = new Logger('Audit');
  private readonly delivery: PeriodicTaskRunner;
  private state: SinkState['state'] = 'starting';
  private isKnown = false;
  private oldestMissing: Date | undefined;

  constructor(
    readonly sink: AuditSink,
    private readonly feed: AuditFeed,
    private readonly events: FeedEvents,
    private readonly positions: SinkPositions,
    private readonly options: SinkRunnerOptions,
  ) {
    const { pollMs, timeoutMs, tasks } = options;
    const standbyMs = Math.max(pollMs, timeoutMs / 4);
    this.delivery = tasks.add({
      name: `audit-sink-${sink.name}`,
      everyMs: () => (this.state === 'standby' ? standbyMs : pollMs),
      retryMinMs: MIN_RETRY_MS,
      retryMaxMs: MAX_RETRY_MS,
      stopTimeoutMs: timeoutMs,
      run: (signal) => this.deliver(signal),
      runsUntilClose: true,
    });
  }

  get status(): SinkState {
    const behindMs = this.oldestMissing && this.state !== 'standby' ? Date.now() - this.oldestMissing.getTime() : 0;
    return { state: this.state, behindMs: Math.max(0, behindMs) };
  }

  /** Makes the sink known, so that it gets what is stored from now on. Where that fails, the deliveries try again. */
  async start(): Promise<void> {
    await this.enter().catch(() => this.failed());
    this.delivery.wake();
  }

  async stop(): Promise<void> {
    await this.delivery.stop().catch((error: unknown) => {
      this.logger.warn({ err: error, sink: this.sink.name, msg: 'an audit sink was stopped during a delivery' });
    });
    this.state = 'stopped';
    if (this.isKnown) await this.positions.release(this.sink.name).catch(() => undefined);
    await this.sink.close?.().catch((error: unknown) => {
      this.logger.warn({ err: error, sink: this.sink.name, msg: 'an audit sink could not be closed in order' });
    });
  }

  /** Delivers all that is there. */
  private async deliver(signal: AbortSignal): Promise<void> {
    try {
      if (!this.isKnown) await this.enter();
      while (!signal.aborted && (await this.deliverNext()));
    } catch (error) {
      this.failed();
      throw error;
    }
    if (this.state !== 'standby') this.state = 'running';
  }

  /** @returns whether there may be more to deliver */
  private async deliverNext(): Promise<boolean> {
    const { timeoutMs } = this.options;
    const { name } = this.sink;
    // Twice the longest write, so that it does not end under one.
    const position = await this.positions.hold(name, timeoutMs * 2);
    if (position === undefined) {
      this.state = 'standby';
      return false;
    }
    if (this.state === 'standby') this.state = 'running';
    const batches = await this.feed.after(position, EVENTS_AT_ONCE);
    const last = batches.at(-1);
    this.oldestMissing = batches[0]?.addedAt;
    if (last === undefined) return false;
    const events = await this.events.of(batches);
    if (events.length > 0) await withTimeLimit(this.sink.write(events), timeoutMs);
    const skipped = batches.reduce((sum, { eventIds }) => sum + eventIds.length, 0) - events.length;
    if (!(await this.positions.advance(name, position, last.position, skipped))) return false;
    this.options.delivered.add(events.length);
    if (skipped > 0) this.reportSkipped(skipped);
    // A sink that works shows so before its backlog is delivered.
    this.state = 'running';
    return true;
  }

  private async enter(): Promise<void> {
    await this.positions.enter(this.sink.name, await this.feed.end());
    this.isKnown = true;
  }

  /** Retention has dropped them, or somebody has removed them. */
  private reportSkipped(count: number): void {
    this.options.skipped.add(count);
    this.logger.error({ sink: this.sink.name, count, msg: 'audit events were gone before a sink had got them' });
  }

  private failed(): void {
    this.options.failures.add();
    this.state = 'failing';
  }
}
