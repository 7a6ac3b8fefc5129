import { loadPackage } from '../../common/index.js';
import type { AuditEvent } from '../audit-event.entity.js';
import type { AuditSink, DeliveredEvent } from './audit-sink.js';

/** The part of an OpenTelemetry LoggerProvider that this sink uses. @publicApi */
export interface OtelLoggerProvider {
  getLogger(name: string): { emit(record: OtelLogRecord): void };
  /** The type of the API package does not have this method, but every SDK has it. */
  forceFlush?(): Promise<void>;
}

/**
 * The fields of a log record (https://opentelemetry.io/docs/specs/otel/logs/data-model) that this sink sets.
 *
 * @publicApi
 */
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

const PURPOSE = 'The sink for OpenTelemetry';

type CreateContext = (event: AuditEvent) => unknown;

/**
 * Sends events to OpenTelemetry as log records with an event name. Use it with {@link ConfirmedLogProcessor}, so that
 * an event counts as stored when the exporter has confirmed it. The batch processor of the SDK does not ensure this: it
 * drops records when its queue is full, and does not report failed exports.
 *
 * @publicApi
 */
export class OtelLogsSink implements AuditSink {
  readonly name: string;
  private createContext: CreateContext | undefined;

  constructor(private readonly options: OtelLogsSinkOptions = {}) {
    this.name = options.name ?? 'otel';
  }

  async write(events: readonly DeliveredEvent[]): Promise<void> {
    const provider = this.options.provider ?? (await loadGlobalProvider());
    this.createContext ??= await loadContextFactory();
    const logger = provider.getLogger('nest-bulwark.audit');
    for (const { event } of events) logger.emit({ ...toLogRecord(event), context: this.createContext(event) });
    await provider.forceFlush?.();
  }
}

/** Attributes have the names of OpenTelemetry's semantic conventions. Others have the prefix `audit.`. */
function toLogRecord(event: AuditEvent): OtelLogRecord {
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

async function loadGlobalProvider(): Promise<OtelLoggerProvider> {
  const { logs } = await loadPackage<typeof import('@opentelemetry/api-logs')>('@opentelemetry/api-logs', PURPOSE);
  return logs.getLoggerProvider() as OtelLoggerProvider;
}

/**
 * Loads a function that connects a record with the trace of its request. An SDK accepts a trace id only together with a
 * span id. An event has no span id, so a part of the event id is used instead.
 */
async function loadContextFactory(): Promise<CreateContext> {
  const { ROOT_CONTEXT, trace, TraceFlags } = await loadPackage<typeof import('@opentelemetry/api')>(
    '@opentelemetry/api',
    PURPOSE,
  );
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
 * A LogRecordProcessor that exports on `forceFlush()`, and rejects if the export fails: `new LoggerProvider({
 * processors: [new ConfirmedLogProcessor(exporter)] })`. Use it only in a provider for audit events, because other
 * users of a provider do not call `forceFlush()`.
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
        else reject(error ?? new Error('the OpenTelemetry log exporter has failed'));
      });
    });
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
    await this.exporter.shutdown();
  }
}
