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

/** The part of a producer of @platformatic/kafka that is used here. @publicApi */
export interface KafkaProducer {
  send(request: { acks: number; messages: KafkaMessage[] }): Promise<unknown>;
  close(): Promise<void>;
}

/** @publicApi */
export interface KafkaSinkOptions {
  /** @default 'audit-events' */
  topic?: string;
  /** Addresses of brokers, `host:port`, for a producer of @platformatic/kafka that is made here. */
  brokers?: readonly string[];
  /** Further options of that producer, such as `tls`, `sasl`, `retries` and `connectTimeout`. */
  client?: Readonly<Record<string, unknown>>;
  /** Makes the producer instead. It has to be idempotent for the order to hold. */
  producer?: () => KafkaProducer | Promise<KafkaProducer>;
  /** @default 'kafka' */
  name?: string;
}

const ALL_REPLICAS_IN_SYNC = -1;

/** The sink's runner sends a batch again, so that the producer need not try for longer. */
const MAX_RETRIES = 3;

/**
 * Sends each event to a Kafka topic. The key is the tenant, so that the events of one tenant stay in their order. The
 * producer is idempotent, so that its own retries make no duplicates. An event that is sent again after a failure has the
 * same `event-id`.
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
      // Brokers may have stored a batch without an answer. Its sequence numbers would then refuse every later batch.
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
    // The failure of the batch is the one to report.
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
    // The partitions that the clients of other languages choose for a key.
    partitioner: kafka.compatibilityPartitioner,
    autocreateTopics: true,
    retries: MAX_RETRIES,
    ...client,
  });
}
