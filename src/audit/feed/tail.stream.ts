import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditFilter } from '../audit.reader.js';
import type { AuditVisibility } from '../store/audit.scope.js';
import type { AuditFeed } from './audit.feed.js';
import type { FeedEvents } from './feed-events.js';

/** Where a tail begins: after one event of a batch, or after all of it. */
export interface TailCursor {
  readonly position: bigint;
  readonly index: number;
}

export interface TailOptions {
  readonly filter: AuditFilter;
  readonly reach: AuditVisibility;
  readonly start: TailCursor;
  /** What came next after `start` is not kept any more. */
  readonly isCut: boolean;
  /** Asked again and again, because a stream outlives the token that opened it. */
  readonly isAllowed: () => Promise<boolean>;
  readonly pollMs: number;
  readonly heartbeatMs: number;
  /** How long a client may take for what was sent. */
  readonly patienceMs: number;
  readonly recheckMs: number;
}

/** Why a stream has ended. A client may come back after all but `unauthorized`. */
export type TailEnd = 'shutdown' | 'too-slow' | 'unauthorized';

const EVENTS_AT_ONCE = 200;
const BUFFER_BYTES = 64 * 1024;
const WHOLE_BATCH = Number.MAX_SAFE_INTEGER;
const CURSOR = /^(\d{1,18})(?:-(\d{1,9}))?$/;

/** @returns undefined for what is none */
export function parseCursor(text: string): TailCursor | undefined {
  const [, position, index] = CURSOR.exec(text) ?? [];
  return position === undefined
    ? undefined
    : { position: BigInt(position), index: index === undefined ? WHOLE_BATCH : Number(index) };
}

/**
 * Stored events as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as they come. It
 * reads on only when the client has taken what was sent: one page and the stream's own buffer are all that a client
 * costs, however far it is behind.
 */
export class TailStream extends Readable {
  private position: bigint;
  private isTaken = false;
  private onTaken: (() => void) | undefined;
  private readonly ending = new AbortController();
  private lastSentAt = performance.now();
  private lastCheckAt = performance.now();

  constructor(
    private readonly feed: AuditFeed,
    private readonly events: FeedEvents,
    private readonly options: TailOptions,
  ) {
    super({ highWaterMark: BUFFER_BYTES });
    const { start } = options;
    this.position = start.index === WHOLE_BATCH ? start.position : start.position - 1n;
    void this.run();
  }

  override _read(): void {
    this.isTaken = true;
    this.onTaken?.();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.ending.abort();
    done(error);
  }

  /** Says why, and ends after what was sent before. */
  finish(reason: TailEnd): void {
    if (this.ending.signal.aborted) return;
    this.ending.abort();
    this.push(message('end', { reason }));
    this.push(null);
    // Who takes nothing at all shall not hold the connection.
    setTimeout(() => this.destroy(), this.options.patienceMs).unref();
  }

  private async run(): Promise<void> {
    this.send('retry: 3000\n\n');
    if (this.options.isCut) this.send(message('reset', { detail: 'Events before this are in GET /audit/events.' }));
    const { signal } = this.ending;
    while (!signal.aborted) {
      const hasSent = await this.step().catch(() => false);
      if (!hasSent) await sleep(this.options.pollMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Sends what is new. Answers with whether there was anything; fails while the database is away. */
  private async step(): Promise<boolean> {
    if (!(await this.taken())) {
      this.finish('too-slow');
      return false;
    }
    if (this.isDue(this.lastCheckAt, this.options.recheckMs)) {
      this.lastCheckAt = performance.now();
      if (!(await this.options.isAllowed())) {
        this.finish('unauthorized');
        return false;
      }
    }
    const batches = await this.feed.after(this.position, EVENTS_AT_ONCE);
    const last = batches.at(-1);
    if (last) {
      const { filter, reach } = this.options;
      const found = await this.events.of(batches, filter, reach);
      const text = found
        .filter(({ cursor }) => this.isNew(cursor))
        .map(({ cursor, event }) => message('audit', event, cursor));
      this.position = last.position;
      if (text.length > 0) this.send(text.join(''));
    }
    // An id without data is no event: it only moves the place to which the client comes back.
    if (this.isDue(this.lastSentAt, this.options.heartbeatMs)) this.send(`: heartbeat\nid: ${this.position}\n\n`);
    return last !== undefined;
  }

  private isNew(cursor: string): boolean {
    const { start } = this.options;
    const { position, index } = parseCursor(cursor) ?? start;
    return position > start.position || (position === start.position && index > start.index);
  }

  private send(text: string): void {
    if (this.ending.signal.aborted) return;
    this.lastSentAt = performance.now();
    this.isTaken = this.push(text);
  }

  /** Resolves with true when the client has taken what was sent, with false when it takes too long. */
  private taken(): Promise<boolean> {
    if (this.isTaken) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (isTaken: boolean) => {
        clearTimeout(timer);
        this.onTaken = undefined;
        resolve(isTaken);
      };
      const timer = setTimeout(() => end(false), this.options.patienceMs).unref();
      this.onTaken = () => end(true);
      this.ending.signal.addEventListener('abort', () => end(true), { once: true });
    });
  }

  private isDue(since: number, everyMs: number): boolean {
    return performance.now() - since >= everyMs;
  }
}

/** JSON has no line breaks of its own, so that nothing an event holds can end its message or begin another. */
function message(name: string, data: object, id?: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
