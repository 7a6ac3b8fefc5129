import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { OnShutdown, ShutdownPhase, type ShutdownParticipant } from '../../ports/index.js';
import { ProblemException } from '../../problem/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import type { AuditFilter } from '../audit.reader.js';
import type { AuditVisibility } from '../store/audit.scope.js';
import { AuditFeed } from './audit.feed.js';
import { FeedEvents } from './feed-events.js';
import { parseCursor, TailStream, type TailCursor } from './tail.stream.js';

const HEARTBEAT_MS = 15_000;
const RECHECK_MS = 60_000;

/** Opens live tails. They end when a shutdown begins, so that the drain need not wait for them. */
@Injectable()
@OnShutdown({ phase: ShutdownPhase.Drain })
export class AuditTail implements ShutdownParticipant, BeforeApplicationShutdown {
  private readonly streams = new Set<TailStream>();
  /** Number of tails that are being opened. They count against the limit too. */
  private opening = 0;
  private isShuttingDown = false;

  constructor(
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly feed: AuditFeed,
    private readonly events: FeedEvents,
  ) {}

  /**
   * @param lastEventId id of the last event that the client received; without it, the tail begins with new events
   * @throws ProblemException `VALIDATION_FAILED`, `SERVICE_UNAVAILABLE`
   */
  async open(
    filter: AuditFilter,
    visibility: AuditVisibility,
    lastEventId: string | undefined,
    isAllowed: () => Promise<boolean>,
  ): Promise<TailStream> {
    const { maxTailClients, tailClientTimeoutMs: clientTimeoutMs, feedPollMs: pollMs } = this.settings;
    if (this.isShuttingDown || this.streams.size + this.opening >= maxTailClients) {
      throw new ProblemException('SERVICE_UNAVAILABLE', 'The limit of open live tails is reached. Try again later.', {
        headers: { 'Retry-After': '5' },
      });
    }
    this.opening++;
    try {
      const { start, isPruned } = await this.findStart(lastEventId);
      const times = { pollMs, clientTimeoutMs, heartbeatMs: HEARTBEAT_MS, recheckMs: RECHECK_MS };
      const stream = new TailStream(this.feed, this.events, {
        filter,
        visibility,
        start,
        isPruned,
        isAllowed,
        ...times,
      });
      this.streams.add(stream);
      stream.once('close', () => this.streams.delete(stream));
      if (this.isShuttingDown) stream.finish('shutdown');
      return stream;
    } finally {
      this.opening--;
    }
  }

  onShutdown(): void {
    this.isShuttingDown = true;
    for (const stream of this.streams) stream.finish('shutdown');
  }

  /** For applications without ShutdownModule. */
  beforeApplicationShutdown(): void {
    this.onShutdown();
  }

  private async findStart(lastEventId: string | undefined): Promise<{ start: TailCursor; isPruned: boolean }> {
    const end = { position: await this.feed.lastPosition(), index: Number.MAX_SAFE_INTEGER };
    if (lastEventId === undefined) return { start: end, isPruned: false };
    const start = parseCursor(lastEventId);
    if (!start) {
      throw new ProblemException('VALIDATION_FAILED', 'The header Last-Event-ID is not an id of this stream.');
    }
    // A position beyond the end comes from another database, or from a state before a restore.
    if (start.position > end.position) return { start: end, isPruned: true };
    return { start, isPruned: await this.feed.isPrunedAfter(start.position) };
  }
}
