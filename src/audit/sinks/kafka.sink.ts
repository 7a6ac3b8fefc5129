import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** What is used of a kafkajs producer. @publicApi */
export interface KafkaProducer {
  connect(): Promise<void>;
  send(record: {
    topic: string;
    acks: number;
    messages: { key: string; value: string; timestamp: string; headers: Record<string, string> }[];
  }): Promise<unknown>;
  disconnect(): Promise<void>;
}

/** @publicApi */
export interface KafkaSinkOptions {
  /** @default 'audit-events' */
  topic?: string;
  /** Addresses of brokers, for a producer made here by kafkajs. */
  brokers?: readonly string[];
  /** Further settings of the kafkajs client, such as `ssl` and `sasl`. */
  client?: Readonly<Record<string, unknown>>;
  /** Makes the producer instead. It has to be idempotent for the order to hold. */
  producer?: () => KafkaProducer | Promise<KafkaProducer>;
  /** @default 'kafka' */
  name?: string;
}

const EVERY_REPLICA = -1;

/**
 * Sends each event to a Kafka topic. The key is the tenant, so that the events of one stay in their order; the producer is
 * idempotent, so that its own tries again make no duplicates. What comes again after a failure bears the same `event-id`.
 *
 * @publicApi
 */
export class KafkaSink implements AuditSink {
  readonly name: string;
  private connected: Promise<KafkaProducer> | undefined;

  constructor(private readonly options: KafkaSinkOptions) {
    this.name = options.name ?? 'kafka';
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    const producer = await (this.connected ??= this.connect());
    await producer.send({
      topic: this.options.topic ?? 'audit-events',
      acks: EVERY_REPLICA,
      messages: events.map(({ cursor, event }) => ({
        key: event.tenantId ?? '',
        value: JSON.stringify(event),
        timestamp: String(event.occurredAt.getTime()),
        headers: { 'event-id': event.id, action: event.action, cursor },
      })),
    });
  }

  async close(): Promise<void> {
    const connected = this.connected;
    this.connected = undefined;
    await (await connected)?.disconnect();
  }

  private async connect(): Promise<KafkaProducer> {
    try {
      const producer = await (this.options.producer ?? (() => producerOf(this.options)))();
      await producer.connect();
      return producer;
    } catch (error) {
      this.connected = undefined;
      throw error;
    }
  }
}

/** Loaded here, because an application without Kafka need not have kafkajs. */
async function producerOf({ brokers = [], client }: KafkaSinkOptions): Promise<KafkaProducer> {
  const { Kafka } = await import('kafkajs');
  const kafka = new Kafka({ clientId: 'nest-bulwark-audit', brokers: [...brokers], ...client });
  return kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
}
