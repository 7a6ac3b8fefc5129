import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { withTimeLimit } from '../../common/index.js';
import type { Counter } from '../../ports/index.js';
import type { AuditFeed } from '../feed/audit.feed.js';
import type { FeedEvents } from '../feed/feed-events.js';
import type { AuditSink } from './audit-sink.js';
import type { SinkPositions } from './sink-positions.js';

export interface SinkRunnerOptions {
  /** Longest wait for one `write()` of the sink. */
  readonly timeoutMs: number;
  /** Pause before looking again where there was nothing new. */
  readonly pollMs: number;
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
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 30_000;

/** Takes one sink through the feed. One process at a time does so, and each sink goes at its own pace. */
export class SinkRunner {
  private readonly logger = new Logger('Audit');
  private readonly stopped = new AbortController();
  private running: Promise<void> | undefined;
  private state: SinkState['state'] = 'starting';
  private isKnown = false;
  private pauseMs = FIRST_PAUSE_MS;
  private oldestMissing: Date | undefined;

  constructor(
    readonly sink: AuditSink,
    private readonly feed: AuditFeed,
    private readonly events: FeedEvents,
    private readonly positions: SinkPositions,
    private readonly options: SinkRunnerOptions,
  ) {}

  get status(): SinkState {
    const behindMs = this.oldestMissing && this.state !== 'standby' ? Date.now() - this.oldestMissing.getTime() : 0;
    return { state: this.state, behindMs: Math.max(0, behindMs) };
  }

  /** Makes the sink known, so that what is stored from now on is its due, and begins. */
  async start(): Promise<void> {
    await this.enter();
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
    this.state = 'stopped';
    if (this.isKnown) await this.positions.release(this.sink.name).catch(() => undefined);
    await this.sink.close?.().catch((error: unknown) => {
      this.logger.warn({ err: error, sink: this.sink.name, msg: 'an audit sink could not be closed in order' });
    });
  }

  private async run(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      try {
        const pauseMs = await this.step();
        this.succeeded();
        if (pauseMs > 0) await this.pause(pauseMs);
      } catch (error) {
        this.failed(error);
        await this.pause(this.pauseMs / 2 + Math.random() * (this.pauseMs / 2));
        this.pauseMs = Math.min(this.pauseMs * 2, MAX_PAUSE_MS);
      }
    }
  }

  /** Delivers what comes next. Answers with the pause before the next step. */
  private async step(): Promise<number> {
    if (!this.isKnown) await this.enter();
    const { timeoutMs, pollMs } = this.options;
    const { name } = this.sink;
    // Twice the longest write, so that it does not end under one.
    const position = await this.positions.hold(name, timeoutMs * 2);
    if (position === undefined) {
      this.state = 'standby';
      return Math.max(pollMs, timeoutMs / 4);
    }
    if (this.state === 'standby') this.state = 'running';
    const batches = await this.feed.after(position, EVENTS_AT_ONCE);
    const last = batches.at(-1);
    this.oldestMissing = batches[0]?.addedAt;
    if (last === undefined) return pollMs;
    const events = await this.events.of(batches);
    if (events.length > 0) await withTimeLimit(this.sink.write(events), timeoutMs);
    const skipped = batches.reduce((sum, { eventIds }) => sum + eventIds.length, 0) - events.length;
    if (!(await this.positions.advance(name, position, last.position, skipped))) return pollMs;
    this.options.delivered.add(events.length);
    if (skipped > 0) this.reportSkipped(skipped);
    return 0;
  }

  private async enter(): Promise<void> {
    try {
      await this.positions.enter(this.sink.name, await this.feed.end());
      this.isKnown = true;
    } catch (error) {
      this.failed(error);
    }
  }

  /** Retention has dropped them, or somebody has removed them. */
  private reportSkipped(count: number): void {
    this.options.skipped.add(count);
    this.logger.error({ sink: this.sink.name, count, msg: 'audit events were gone before a sink had got them' });
  }

  private succeeded(): void {
    if (this.state === 'failing') this.logger.log(`the audit sink ${this.sink.name} takes events again`);
    if (this.state !== 'standby') this.state = 'running';
    this.pauseMs = FIRST_PAUSE_MS;
  }

  private failed(error: unknown): void {
    this.options.failures.add();
    if (this.state !== 'failing') {
      this.logger.error({ err: error, sink: this.sink.name, msg: 'an audit sink takes no events; they wait' });
    }
    this.state = 'failing';
  }

  private pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.stopped.signal, ref: false }).catch(() => undefined);
  }
}
