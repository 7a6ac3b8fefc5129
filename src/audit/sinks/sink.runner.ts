import { Logger } from '@nestjs/common';
import { withTimeLimit } from '../../common/index.js';
import type { Counter } from '../../ports/index.js';
import type { PeriodicTaskRunner, PeriodicTasks } from '../../periodic-tasks/index.js';
import type { AuditFeed } from '../feed/audit.feed.js';
import type { FeedEvents } from '../feed/feed-events.js';
import type { AuditSink } from './audit-sink.js';
import type { SinkPositions } from './sink-positions.js';

export interface SinkRunnerOptions {
  /** Time limit for one `write()` of the sink. */
  readonly timeoutMs: number;
  /** Time until the next poll if there were no new events. */
  readonly pollMs: number;
  readonly tasks: PeriodicTasks;
  readonly delivered: Counter;
  readonly failures: Counter;
  readonly skipped: Counter;
}

/** The state of a sink in this process. */
export interface SinkState {
  /** `standby`: another process writes to the sink. */
  readonly state: 'starting' | 'standby' | 'running' | 'failing' | 'stopped';
  /** Age of the oldest event that the sink has not received, in milliseconds. */
  readonly behindMs: number;
}

/** Maximum number of events in one write, unless one statement alone has stored more. */
const MAX_EVENTS_PER_WRITE = 1_000;
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;

/** Delivers the events of the feed to one sink. Only one process at a time delivers to a sink. */
export class SinkRunner {
  private readonly logger = new Logger('Audit');
  private readonly delivery: PeriodicTaskRunner;
  private state: SinkState['state'] = 'starting';
  private isRegistered = false;
  private oldestPendingAt: Date | undefined;

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
    const behindMs = this.oldestPendingAt && this.state !== 'standby' ? Date.now() - this.oldestPendingAt.getTime() : 0;
    return { state: this.state, behindMs: Math.max(0, behindMs) };
  }

  /** Registers the sink, so that it receives all events from now on. If that fails, the next delivery tries again. */
  async start(): Promise<void> {
    await this.register().catch(() => this.recordFailure());
    this.delivery.wake();
  }

  async stop(): Promise<void> {
    await this.delivery.stop().catch((error: unknown) => {
      this.logger.warn({
        err: error,
        sink: this.sink.name,
        msg: 'an audit sink was stopped during a delivery: the next process delivers these events again',
      });
    });
    this.state = 'stopped';
    if (this.isRegistered) await this.positions.releaseLease(this.sink.name).catch(() => undefined);
    await this.sink.close?.().catch((error: unknown) => {
      this.logger.warn({ err: error, sink: this.sink.name, msg: 'an audit sink could not be closed' });
    });
  }

  /** Delivers all available events. */
  private async deliver(signal: AbortSignal): Promise<void> {
    try {
      if (!this.isRegistered) await this.register();
      while (!signal.aborted && (await this.deliverNext()));
    } catch (error) {
      this.recordFailure();
      throw error;
    }
    if (this.state !== 'standby') this.state = 'running';
  }

  /** @returns whether there may be more events */
  private async deliverNext(): Promise<boolean> {
    const { timeoutMs } = this.options;
    const { name } = this.sink;
    // The lease lasts twice the time limit of a write, so that it does not expire during a write.
    const position = await this.positions.acquireLease(name, timeoutMs * 2);
    if (position === undefined) {
      this.state = 'standby';
      return false;
    }
    if (this.state === 'standby') this.state = 'running';
    const batches = await this.feed.readAfter(position, MAX_EVENTS_PER_WRITE);
    const last = batches.at(-1);
    this.oldestPendingAt = batches[0]?.addedAt;
    if (last === undefined) return false;
    const events = await this.events.load(batches);
    if (events.length > 0) await withTimeLimit(this.sink.write(events), timeoutMs);
    const skipped = batches.reduce((sum, { eventIds }) => sum + eventIds.length, 0) - events.length;
    if (!(await this.positions.advance(name, position, last.position, skipped))) return false;
    this.options.delivered.add(events.length);
    if (skipped > 0) this.reportSkipped(skipped);
    // The state changes here, so that a working sink is not reported as failing while it has a backlog.
    this.state = 'running';
    return true;
  }

  private async register(): Promise<void> {
    await this.positions.register(this.sink.name, await this.feed.lastPosition());
    this.isRegistered = true;
  }

  /** Skipped events were deleted before delivery, by retention or by a person. */
  private reportSkipped(count: number): void {
    this.options.skipped.add(count);
    this.logger.error({ sink: this.sink.name, count, msg: 'audit events were deleted before a sink received them' });
  }

  private recordFailure(): void {
    this.options.failures.add();
    this.state = 'failing';
  }
}
