import { describe, expect, it } from 'vitest';
import { deliveredEvent } from '../../../test/support/delivered-event.js';
import { KafkaSink, type KafkaProducer } from './kafka.sink.js';

type Sent = Parameters<KafkaProducer['send']>[0];

/** A producer without a broker, which the tests do not have. It collects sent records, and can reject them. */
class FakeProducer implements KafkaProducer {
  readonly sent: Sent[] = [];
  isClosed = false;
  rejectsRecords = false;

  async send(request: Sent): Promise<void> {
    if (this.rejectsRecords) throw new Error('not enough replicas');
    this.sent.push(request);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

describe('the Kafka sink', () => {
  it('sends events with their tenant as key, and waits for all in-sync replicas', async () => {
    const producer = new FakeProducer();
    const sink = new KafkaSink({ topic: 'trail', producer: () => producer });
    const [one, two] = [deliveredEvent({ tenantId: 'acme' }), deliveredEvent({ tenantId: null })];
    await sink.write([one, two]);
    expect(producer.sent).toEqual([
      {
        acks: -1,
        messages: [one, two].map(({ cursor, event }) => ({
          topic: 'trail',
          key: event.tenantId ?? '',
          value: JSON.stringify(event),
          timestamp: BigInt(event.occurredAt.getTime()),
          headers: { 'event-id': event.id, action: event.action, cursor },
        })),
      },
    ]);
    await sink.close();
    expect(producer.isClosed).toBe(true);
  });

  it('creates one producer, and tries again if that has failed', async () => {
    const producer = new FakeProducer();
    let attempts = 0;
    const sink = new KafkaSink({
      producer: () => {
        if (++attempts === 1) throw new Error('no broker');
        return producer;
      },
    });
    await expect(sink.write([deliveredEvent()])).rejects.toThrow('no broker');
    await sink.write([deliveredEvent()]);
    await sink.write([deliveredEvent()]);
    expect(attempts).toBe(2);
    expect(producer.sent).toHaveLength(2);
  });

  it('fails if the brokers reject a batch, and continues with a new producer', async () => {
    const producers: FakeProducer[] = [];
    const sink = new KafkaSink({
      producer: () => {
        producers.push(new FakeProducer());
        return producers.at(-1) as FakeProducer;
      },
    });
    await sink.write([deliveredEvent()]);
    const [first] = producers as [FakeProducer];
    first.rejectsRecords = true;
    await expect(sink.write([deliveredEvent()])).rejects.toThrow('not enough replicas');
    expect(first.isClosed).toBe(true);
    await sink.write([deliveredEvent()]);
    expect(producers.map(({ sent }) => sent.length)).toEqual([1, 1]);
  });

  it('creates a producer of @platformatic/kafka, which fails without a broker', async () => {
    const sink = new KafkaSink({ brokers: ['127.0.0.1:1'], client: { retries: 2, retryDelay: 10 } });
    await expect(sink.write([deliveredEvent()])).rejects.toMatchObject({ code: expect.stringMatching(/^PLT_KFK_/) });
    await sink.close();
  });
});
