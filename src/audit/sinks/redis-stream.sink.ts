import type { RedisClient } from '../../redis/index.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** @publicApi */
export interface RedisStreamSinkOptions {
  /** The application's own client (`@InjectRedis()`). */
  client: RedisClient;
  /** Key of the stream. @default 'audit-events' */
  stream?: string;
  /** Entries that the stream keeps, about; older ones are trimmed. At least 10000. @default 1000000 */
  maxLength?: number;
  /** @default 'redis' */
  name?: string;
}

/** A command waits for its answer as long as the client allows; a pipeline of more would only wait for itself. */
const COMMANDS_AT_ONCE = 100;

/** A repeated event has to be found among what the stream keeps. */
const LEAST_LENGTH = 10_000;

const NOT_ABOVE_LAST = 'equal or smaller';

/**
 * Adds each event to a Redis stream, under the feed's own place as entry id. Redis refuses an id that is not above the
 * last, so that an event that comes again is found there and not added twice.
 *
 * @publicApi
 */
export class RedisStreamSink implements AuditSink {
  readonly name: string;
  private readonly client: RedisClient;
  private readonly stream: string;
  private readonly maxLength: number;

  constructor({ client, stream = 'audit-events', maxLength = 1_000_000, name = 'redis' }: RedisStreamSinkOptions) {
    if (maxLength < LEAST_LENGTH) throw new Error(`maxLength of a Redis stream has to be ${LEAST_LENGTH} at least.`);
    this.client = client;
    this.stream = stream;
    this.maxLength = maxLength;
    this.name = name;
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    for (let start = 0; start < events.length; start += COMMANDS_AT_ONCE) {
      await this.add(events.slice(start, start + COMMANDS_AT_ONCE));
    }
  }

  private async add(events: readonly DeliveredEvent[]): Promise<void> {
    const pipeline = this.client.pipeline();
    for (const { cursor, event } of events) {
      const fields = ['event_id', event.id, 'tenant', event.tenantId ?? '', 'action', event.action];
      const trim = ['MAXLEN', '~', this.maxLength] as const;
      pipeline.xadd(this.stream, ...trim, cursor, ...fields, 'event', JSON.stringify(event));
    }
    const results = (await pipeline.exec()) ?? [];
    for (const [index, delivered] of events.entries()) {
      const error = results[index]?.[0];
      if (!error) continue;
      if (!error.message.includes(NOT_ABOVE_LAST)) throw error;
      await this.expectThere(delivered);
    }
  }

  /** @throws Error where another event stands in its place: the stream belongs to another database. */
  private async expectThere({ cursor, event }: DeliveredEvent): Promise<void> {
    const [entry] = await this.client.xrange(this.stream, cursor, cursor);
    if (entry?.[1][1] === event.id) return;
    throw new Error(
      `the stream "${this.stream}" goes beyond ${cursor} and does not hold event ${event.id} there: it was filled from another database; name another stream`,
    );
  }
}
