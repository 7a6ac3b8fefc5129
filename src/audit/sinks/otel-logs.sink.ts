import type { AuditEvent } from '../audit-event.entity.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** What is used of a LoggerProvider of OpenTelemetry. @publicApi */
export interface OtelLoggerProvider {
  getLogger(name: string): { emit(record: OtelLogRecord): void };
  /** Absent from the API's own type, present in every SDK. */
  forceFlush?(): Promise<void>;
}

/** The fields of a log record (https://opentelemetry.io/docs/specs/otel/logs/data-model) that are set. @publicApi */
export interface OtelLogRecord {
  eventName: string;
  timestamp: Date;
  observedTimestamp: Date;
  severityNumber: number;
  severityText: string;
  body: string;
  attributes: Record<string, string | string[]>;
  // oxlint-disable-next-line typescript/no-explicit-any -- its type belongs to an optional peer
  context?: any;
}

/** @publicApi */
export interface OtelLogsSinkOptions {
  /** @default the global one of `@opentelemetry/api-logs` */
  provider?: OtelLoggerProvider;
  /** @default 'otel' */
  name?: string;
}

/** https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
const SEVERITY_NUMBERS = { INFO: 9, WARNING: 13, ERROR: 17, CRITICAL: 21 } as const;

type ContextOf = (event: AuditEvent) => unknown;

/**
 * Hands events to OpenTelemetry as log records with an event name. The SDK's own batch processor drops records when its
 * queue is full, and tells nobody of an export that failed; with {@link ConfirmedLogProcessor} in its place, an event
 * counts as kept when the exporter has confirmed it.
 *
 * @publicApi
 */
export class OtelLogsSink implements AuditSink {
  readonly name: string;
  private contextOf: ContextOf | undefined;

  constructor(private readonly options: OtelLogsSinkOptions = {}) {
    this.name = options.name ?? 'otel';
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    const provider = this.options.provider ?? (await globalProvider());
    this.contextOf ??= await contextFactory();
    const logger = provider.getLogger('nest-bulwark.audit');
    for (const { event } of events) logger.emit({ ...recordOf(event), context: this.contextOf(event) });
    await provider.forceFlush?.();
  }
}

/** By the semantic conventions of OpenTelemetry where there is one, else under `audit.`. */
function recordOf(event: AuditEvent): OtelLogRecord {
  const [method = '', route = ''] = event.route?.split(' ') ?? [];
  const attributes = {
    'audit.id': event.id,
    'audit.outcome': event.outcome,
    'audit.targets': event.targets,
    'audit.metadata': JSON.stringify(event.metadata),
    'audit.tenant': event.tenantId,
    'audit.request_id': event.requestId,
    'user.id': event.actorId,
    'client.address': event.address,
    'user_agent.original': event.userAgent,
    'http.request.method': method,
    'http.route': route,
  };
  return {
    eventName: event.action,
    timestamp: event.occurredAt,
    observedTimestamp: event.recordedAt,
    severityNumber: SEVERITY_NUMBERS[event.severity],
    severityText: event.severity,
    body: `${event.action} ${event.outcome}`,
    attributes: Object.fromEntries(
      Object.entries(attributes).filter((entry): entry is [string, string | string[]] => Boolean(entry[1]?.length)),
    ),
  };
}

async function globalProvider(): Promise<OtelLoggerProvider> {
  const { logs } = await import('@opentelemetry/api-logs');
  return logs.getLoggerProvider() as OtelLoggerProvider;
}

/**
 * Ties a record to the trace of its request. SDKs take a trace only together with a span, of which an event does not
 * know; a part of its own id stands in.
 */
async function contextFactory(): Promise<ContextOf> {
  const { ROOT_CONTEXT, trace, TraceFlags } = await import('@opentelemetry/api');
  return ({ id, traceId }) => {
    if (traceId === null) return ROOT_CONTEXT;
    const spanId = id.replaceAll('-', '').slice(-16);
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
  };
}

interface LogExporter {
  // oxlint-disable-next-line typescript/no-explicit-any -- their type belongs to an optional peer
  export(records: any[], done: (result: { code: number; error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

const SUCCESS = 0;

/**
 * A LogRecordProcessor that exports when it is flushed, and fails where the export does:
 * `new LoggerProvider({ processors: [new ConfirmedLogProcessor(exporter)] })`. For a provider that audit events alone go
 * to, because others do not flush.
 *
 * @publicApi
 */
export class ConfirmedLogProcessor {
  private records: unknown[] = [];

  constructor(private readonly exporter: LogExporter) {}

  onEmit(record: unknown): void {
    this.records.push(record);
  }

  forceFlush(): Promise<void> {
    const records = this.records.splice(0);
    if (records.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.exporter.export(records, ({ code, error }) => {
        if (code === SUCCESS) resolve();
        else reject(error ?? new Error('the exporter of logs has failed'));
      });
    });
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    await this.exporter.shutdown();
  }
}
