import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditFilter } from '../audit.reader.js';
import type { AuditVisibility } from '../store/audit.scope.js';
import type { AuditFeed } from './audit.feed.js';
import type { FeedEvents } from './feed-events.js';

/** Start of a tail: after one event of a batch, or after the whole batch. */
export interface TailCursor {
  readonly position: bigint;
  readonly index: number;
}

export interface TailOptions {
  readonly filter: AuditFilter;
  readonly visibility: AuditVisibility;
  readonly start: TailCursor;
  /** Whether events after `start` are already pruned. */
  readonly isPruned: boolean;
  /** Called regularly, because a stream may stay open longer than its access token is valid. */
  readonly isAllowed: () => Promise<boolean>;
  readonly pollMs: number;
  readonly heartbeatMs: number;
  /** Maximum time in which the client must receive sent data. */
  readonly clientTimeoutMs: number;
  readonly recheckMs: number;
}

/** Why a stream has ended. A client may reconnect, except after `unauthorized`. */
export type TailEnd = 'shutdown' | 'too-slow' | 'unauthorized';

const MAX_EVENTS_PER_READ = 200;
const BUFFER_BYTES = 64 * 1024;
const WHOLE_BATCH = Number.MAX_SAFE_INTEGER;
const CURSOR = /^(\d{1,18})(?:-(\d{1,9}))?$/;

/** @returns undefined if the text is not a cursor */
export function parseCursor(text: string): TailCursor | undefined {
  const [, position, index] = CURSOR.exec(text) ?? [];
  return position === undefined
    ? undefined
    : { position: BigInt(position), index: index === undefined ? WHOLE_BATCH : Number(index) };
}

/**
 * A stream of stored events as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). It
 * reads more events only when the client has received the sent data. A slow client therefore needs only the memory of
 * one page and of the stream's buffer.
 */
export class TailStream extends Readable {
  private position: bigint;
  private isDrained = false;
  private onDrain: (() => void) | undefined;
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
    this.isDrained = true;
    this.onDrain?.();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.ending.abort();
    done(error);
  }

  /** Sends the reason, and ends the stream. */
  finish(reason: TailEnd): void {
    if (this.ending.signal.aborted) return;
    this.ending.abort();
    this.push(formatMessage('end', { reason }));
    this.push(null);
    // A client that receives nothing must not keep the connection open.
    setTimeout(() => this.destroy(), this.options.clientTimeoutMs).unref();
  }

  private async run(): Promise<void> {
    this.send('retry: 3000\n\n');
    if (this.options.isPruned)
      this.send(
        formatMessage('reset', {
          detail: 'Older events are missing in this stream. Read them with GET /audit/events.',
        }),
      );
    const { signal } = this.ending;
    while (!signal.aborted) {
      const hasSent = await this.sendNext().catch(() => false);
      if (!hasSent) await sleep(this.options.pollMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Sends new events. Returns whether there were any. Throws while the database is unavailable. */
  private async sendNext(): Promise<boolean> {
    if (!(await this.waitForDrain())) {
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
    const batches = await this.feed.readAfter(this.position, MAX_EVENTS_PER_READ);
    const last = batches.at(-1);
    if (last) {
      const { filter, visibility } = this.options;
      const found = await this.events.load(batches, filter, visibility);
      const text = found
        .filter(({ cursor }) => this.isNew(cursor))
        .map(({ cursor, event }) => formatMessage('audit', event, cursor));
      this.position = last.position;
      if (text.length > 0) this.send(text.join(''));
    }
    // A message with only an id is not an event for the client. It only updates the client's Last-Event-ID.
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
    this.isDrained = this.push(text);
  }

  /** Resolves with true when the client has received the sent data, and with false after the time limit. */
  private waitForDrain(): Promise<boolean> {
    if (this.isDrained) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (isDrained: boolean) => {
        clearTimeout(timer);
        this.onDrain = undefined;
        resolve(isDrained);
      };
      const timer = setTimeout(() => settle(false), this.options.clientTimeoutMs).unref();
      this.onDrain = () => settle(true);
      this.ending.signal.addEventListener('abort', () => settle(true), { once: true });
    });
  }

  private isDue(since: number, everyMs: number): boolean {
    return performance.now() - since >= everyMs;
  }
}

/** `JSON.stringify` writes no line breaks, so the content of an event cannot end its message or start another one. */
function formatMessage(name: string, data: object, id?: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
