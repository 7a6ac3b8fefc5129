import type { RedisClient } from '../../redis/index.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** @publicApi */
export interface RedisStreamSinkOptions {
  /** The application's own client (`@InjectRedis()`). */
  client: RedisClient;
  /** Key of the stream. @default 'audit-events' */
  stream?: string;
  /**
   * Approximate maximum number of entries in the stream. Older entries are trimmed. At least 10000.
   * @default 1000000
   */
  maxLength?: number;
  /** @default 'redis' */
  name?: string;
}

/**
 * The client's command timeout begins when a command is queued. In a long pipeline the last commands would time out.
 */
const MAX_COMMANDS_PER_PIPELINE = 100;

/** The stream must be long enough to contain an event that is delivered again. */
const MIN_STREAM_LENGTH = 10_000;

const ID_NOT_GREATER = 'equal or smaller';

/**
 * Adds each event to a Redis stream. The entry id is the cursor of the event. Redis rejects an id that is not greater
 * than the last id, so an event that is delivered again is not added twice.
 *
 * @publicApi
 */
export class RedisStreamSink implements AuditSink {
  readonly name: string;
  private readonly client: RedisClient;
  private readonly stream: string;
  private readonly maxLength: number;

  constructor({ client, stream = 'audit-events', maxLength = 1_000_000, name = 'redis' }: RedisStreamSinkOptions) {
    if (maxLength < MIN_STREAM_LENGTH)
      throw new Error(`maxLength of a Redis stream must be at least ${MIN_STREAM_LENGTH}.`);
    this.client = client;
    this.stream = stream;
    this.maxLength = maxLength;
    this.name = name;
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    for (let start = 0; start < events.length; start += MAX_COMMANDS_PER_PIPELINE) {
      await this.add(events.slice(start, start + MAX_COMMANDS_PER_PIPELINE));
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
      if (!error.message.includes(ID_NOT_GREATER)) throw error;
      await this.assertStored(delivered);
    }
  }

  /** @throws Error if the entry contains another event, because the stream was filled from another database */
  private async assertStored({ cursor, event }: DeliveredEvent): Promise<void> {
    const [entry] = await this.client.xrange(this.stream, cursor, cursor);
    if (entry?.[1][1] === event.id) return;
    throw new Error(
      `the stream "${this.stream}" has entries after ${cursor}, but does not contain event ${event.id}: it was filled from another database; configure another stream`,
    );
  }
}
