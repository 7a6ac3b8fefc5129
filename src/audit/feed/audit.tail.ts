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

/** Live tails, each with a pace of its own. They end when a shutdown begins, so that it need not wait for them. */
@Injectable()
@OnShutdown({ phase: ShutdownPhase.Drain })
export class AuditTail implements ShutdownParticipant, BeforeApplicationShutdown {
  private readonly streams = new Set<TailStream>();
  /** Tails that are on their way to be open, and have a place already. */
  private opening = 0;
  private isEnding = false;

  constructor(
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly feed: AuditFeed,
    private readonly events: FeedEvents,
  ) {}

  /**
   * @param lastEventId where the client was; without one, the tail begins now
   * @throws ProblemException `VALIDATION_FAILED`, `SERVICE_UNAVAILABLE`
   */
  async open(
    filter: AuditFilter,
    reach: AuditVisibility,
    lastEventId: string | undefined,
    isAllowed: () => Promise<boolean>,
  ): Promise<TailStream> {
    const { tailClients, tailPatienceMs: patienceMs, feedPollMs: pollMs } = this.settings;
    if (this.isEnding || this.streams.size + this.opening >= tailClients) {
      throw new ProblemException(
        'SERVICE_UNAVAILABLE',
        'There are as many live tails as there may be. Try again later.',
        {
          headers: { 'Retry-After': '5' },
        },
      );
    }
    this.opening++;
    try {
      const { start, isCut } = await this.startOf(lastEventId);
      const times = { pollMs, patienceMs, heartbeatMs: HEARTBEAT_MS, recheckMs: RECHECK_MS };
      const stream = new TailStream(this.feed, this.events, { filter, reach, start, isCut, isAllowed, ...times });
      this.streams.add(stream);
      stream.once('close', () => this.streams.delete(stream));
      if (this.isEnding) stream.finish('shutdown');
      return stream;
    } finally {
      this.opening--;
    }
  }

  onShutdown(): void {
    this.isEnding = true;
    for (const stream of this.streams) stream.finish('shutdown');
  }

  /** For applications without ShutdownModule. */
  beforeApplicationShutdown(): void {
    this.onShutdown();
  }

  private async startOf(lastEventId: string | undefined): Promise<{ start: TailCursor; isCut: boolean }> {
    const end = { position: await this.feed.end(), index: Number.MAX_SAFE_INTEGER };
    if (lastEventId === undefined) return { start: end, isCut: false };
    const start = parseCursor(lastEventId);
    if (!start) {
      throw new ProblemException('VALIDATION_FAILED', 'The header Last-Event-ID is none of the ids of this stream.');
    }
    // Beyond the end: the database is another one than then.
    if (start.position > end.position) return { start: end, isCut: true };
    return { start, isCut: await this.feed.isCutAfter(start.position) };
  }
}
