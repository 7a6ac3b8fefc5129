import { InMemoryLogRecordExporter, LoggerProvider } from '@opentelemetry/sdk-logs';
import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import { describe, expect, it } from 'vitest';
import { deliveredEvent } from '../../../test/support/delivered-event.js';
import { ConfirmedLogProcessor, OtelLogsSink } from './otel-logs.sink.js';

function sinkTo(exporter: InMemoryLogRecordExporter) {
  return new OtelLogsSink({ provider: new LoggerProvider({ processors: [new ConfirmedLogProcessor(exporter)] }) });
}

describe('the OpenTelemetry logs sink', () => {
  it('converts an event to a log record with semantic conventions and its trace id', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const { cursor, event } = deliveredEvent();
    await sinkTo(exporter).write([{ cursor, event }]);
    const [record, ...others] = exporter.getFinishedLogRecords();
    expect(others).toEqual([]);
    expect(record).toMatchObject({
      eventName: 'wallet.debit',
      severityNumber: SeverityNumber.INFO,
      severityText: 'INFO',
      hrTime: [event.occurredAt.getTime() / 1000 - 0.123, 123_000_000],
      spanContext: { traceId: event.traceId },
      instrumentationScope: { name: 'nest-bulwark.audit' },
      attributes: {
        'audit.id': event.id,
        'audit.outcome': 'success',
        'audit.tenant': 'acme',
        'audit.targets': ['wallet:7'],
        'audit.metadata': '{"amount":12}',
        'user.id': 'user-1',
        'client.address': '192.0.2.1',
        'user_agent.original': 'curl/8',
        'http.request.method': 'POST',
        'http.route': '/v1/wallets/:id/debit',
      },
    });
  });

  it('uses the severity numbers of the log data model, and omits attributes without a value', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const severities = ['INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;
    const nothing = { actorId: null, tenantId: null, route: null, traceId: null, targets: [], target: null };
    await sinkTo(exporter).write(severities.map((severity) => deliveredEvent({ severity, ...nothing })));
    const records = exporter.getFinishedLogRecords();
    expect(records.map(({ severityNumber }) => severityNumber)).toEqual([9, 13, 17, 21]);
    for (const { attributes, spanContext } of records) {
      expect(spanContext).toBeUndefined();
      expect(Object.keys(attributes).sort()).toEqual([
        'audit.id',
        'audit.metadata',
        'audit.outcome',
        'audit.request_id',
        'client.address',
        'user_agent.original',
      ]);
    }
  });

  it('fails if the export fails, and does not send the failed records twice', async () => {
    const exporter = new InMemoryLogRecordExporter();
    const keep = exporter.export.bind(exporter);
    const sink = sinkTo(exporter);
    exporter.export = (_records, done) => done({ code: 1, error: new Error('no collector') });
    const delivered = deliveredEvent();
    await expect(sink.write([delivered])).rejects.toThrow('no collector');
    exporter.export = keep;
    await sink.write([delivered]);
    expect(exporter.getFinishedLogRecords()).toHaveLength(1);
  });

  it('uses the global provider by default', async () => {
    const exporter = new InMemoryLogRecordExporter();
    logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [new ConfirmedLogProcessor(exporter)] }));
    try {
      await new OtelLogsSink().write([deliveredEvent()]);
    } finally {
      logs.disable();
    }
    expect(exporter.getFinishedLogRecords()).toHaveLength(1);
  });
});
