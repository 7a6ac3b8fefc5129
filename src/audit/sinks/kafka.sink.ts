import { loadPackage } from '../../common/index.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** One record for Kafka. @publicApi */
export interface KafkaMessage {
  topic: string;
  key: string;
  value: string;
  /** Milliseconds since 1970. */
  timestamp: bigint;
  headers: Record<string, string>;
}

/** The part of the producer of @platformatic/kafka that this sink uses. @publicApi */
export interface KafkaProducer {
  send(request: { acks: number; messages: KafkaMessage[] }): Promise<unknown>;
  close(): Promise<void>;
}

/** @publicApi */
export interface KafkaSinkOptions {
  /** @default 'audit-events' */
  topic?: string;
  /** Addresses of the brokers, as `host:port`. The sink creates a producer of @platformatic/kafka with them. */
  brokers?: readonly string[];
  /** More options of that producer, such as `tls`, `sasl`, `retries` and `connectTimeout`. */
  client?: Readonly<Record<string, unknown>>;
  /** Creates your own producer instead. It must be idempotent to keep the order of events. */
  producer?: () => KafkaProducer | Promise<KafkaProducer>;
  /** @default 'kafka' */
  name?: string;
}

const ALL_REPLICAS_IN_SYNC = -1;

/** The producer needs only few retries, because the sink's runner sends a failed batch again. */
const MAX_RETRIES = 3;

/**
 * Sends each event to a Kafka topic. The key is the tenant, so the events of one tenant stay in order. The producer is
 * idempotent, so its own retries create no duplicates. An event that is sent again after a failure has the same
 * `event-id`.
 *
 * @publicApi
 */
export class KafkaSink implements AuditSink {
  readonly name: string;
  private producer: Promise<KafkaProducer> | undefined;

  constructor(private readonly options: KafkaSinkOptions) {
    this.name = options.name ?? 'kafka';
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    const topic = this.options.topic ?? 'audit-events';
    const messages = events.map(({ cursor, event }) => ({
      topic,
      key: event.tenantId ?? '',
      value: JSON.stringify(event),
      timestamp: BigInt(event.occurredAt.getTime()),
      headers: { 'event-id': event.id, action: event.action, cursor },
    }));
    const opening = this.open();
    try {
      const producer = await opening;
      await producer.send({ acks: ALL_REPLICAS_IN_SYNC, messages });
    } catch (error) {
      // The brokers may have stored the batch, but the answer was lost. In that case they would reject the sequence
      // numbers of every later batch of this producer.
      await this.discard(opening);
      throw error;
    }
  }

  async close(): Promise<void> {
    const producer = this.producer;
    this.producer = undefined;
    await (await producer)?.close();
  }

  private open(): Promise<KafkaProducer> {
    return (this.producer ??= (async () => (this.options.producer ?? (() => createProducer(this.options)))())());
  }

  private async discard(opening: Promise<KafkaProducer>): Promise<void> {
    if (this.producer === opening) this.producer = undefined;
    // The error of the batch is reported, not an error of closing.
    await opening.then((producer) => producer.close()).catch(() => undefined);
  }
}

async function createProducer({ brokers = [], client }: KafkaSinkOptions): Promise<KafkaProducer> {
  const kafka = await loadPackage<{
    Producer: new (options: object) => KafkaProducer;
    stringSerializers: object;
    compatibilityPartitioner: object;
  }>('@platformatic/kafka', 'The Kafka sink of the audit trail');
  return new kafka.Producer({
    clientId: 'nest-bulwark-audit',
    bootstrapBrokers: [...brokers],
    idempotent: true,
    serializers: kafka.stringSerializers,
    // For a key, it chooses the same partition as the Kafka clients of other languages.
    partitioner: kafka.compatibilityPartitioner,
    autocreateTopics: true,
    retries: MAX_RETRIES,
    ...client,
  });
}
