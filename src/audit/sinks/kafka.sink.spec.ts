import { describe, expect, it } from 'vitest';
import { deliveredEvent } from '../../../test/support/delivered-event.js';
import { KafkaSink, type KafkaProducer } from './kafka.sink.js';

type Sent = Parameters<KafkaProducer['send']>[0];

/** Stands in for a broker, which the tests do not have: keeps what is sent, and refuses what it is told to. */
class FakeProducer implements KafkaProducer {
  readonly sent: Sent[] = [];
  connections = 0;
  refusesConnections = false;
  refusesRecords = false;

  async connect(): Promise<void> {
    if (this.refusesConnections) throw new Error('no broker');
    this.connections++;
  }

  async send(record: Sent): Promise<void> {
    if (this.refusesRecords) throw new Error('not enough replicas');
    this.sent.push(record);
  }

  async disconnect(): Promise<void> {
    this.connections--;
  }
}

describe('the Kafka sink', () => {
  it('sends events with their tenant as key, to be confirmed by all replicas', async () => {
    const producer = new FakeProducer();
    const sink = new KafkaSink({ topic: 'trail', producer: () => producer });
    const [one, two] = [deliveredEvent({ tenantId: 'acme' }), deliveredEvent({ tenantId: null })];
    await sink.write([one, two]);
    expect(producer.sent).toEqual([
      {
        topic: 'trail',
        acks: -1,
        messages: [one, two].map(({ cursor, event }) => ({
          key: event.tenantId ?? '',
          value: JSON.stringify(event),
          timestamp: String(event.occurredAt.getTime()),
          headers: { 'event-id': event.id, action: event.action, cursor },
        })),
      },
    ]);
    await sink.close();
    expect(producer.connections).toBe(0);
  });

  it('connects once, and again where that has failed', async () => {
    const producer = new FakeProducer();
    producer.refusesConnections = true;
    const sink = new KafkaSink({ producer: () => producer });
    await expect(sink.write([deliveredEvent()])).rejects.toThrow('no broker');
    producer.refusesConnections = false;
    await sink.write([deliveredEvent()]);
    await sink.write([deliveredEvent()]);
    expect(producer.connections).toBe(1);
    expect(producer.sent).toHaveLength(2);
  });

  it('takes nothing for kept that the brokers have refused', async () => {
    const producer = new FakeProducer();
    producer.refusesRecords = true;
    const sink = new KafkaSink({ producer: () => producer });
    await expect(sink.write([deliveredEvent()])).rejects.toThrow('not enough replicas');
  });

  it('makes a producer of kafkajs, which finds nobody where there is no broker', async () => {
    const sink = new KafkaSink({ brokers: ['127.0.0.1:1'], client: { retry: { retries: 0 }, logLevel: 0 } });
    await expect(sink.write([deliveredEvent()])).rejects.toMatchObject({ name: expect.stringMatching(/^KafkaJS/) });
    await sink.close();
  });
});
