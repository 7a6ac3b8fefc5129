import {
  ConfigurableModuleBuilder,
  Global,
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type INestApplicationContext,
} from '@nestjs/common';
import { AuditActionRegistry, type AuditActionDefinition } from '../audit/actions.js';
import { auditLine, type AuditRecord } from '../audit/audit-record.js';
import { Redaction } from '../audit/redaction.js';
import { AuditTrail, type AuditAction, type AuditActionName, type AuditInput } from '../ports/index.js';
import type { RecordedEvent, RecordedEventFilter } from './recorded-event.js';

/** The options of AuditModule that change the content of events. @publicApi */
export interface TestAuditModuleOptions {
  /** Actions of the application, with their schemas. @default [] */
  actions?: readonly AuditActionDefinition[];
  /** More names of metadata whose values are never stored. @default [] */
  redact?: readonly string[];
  /** Whether email addresses are stored as `s***@example.com`. @default false */
  redactEmails?: boolean;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<TestAuditModuleOptions>().setClassMethodName('forRoot').build();

/** Keeps audit events in memory. Their content is created by the code that AuditModule uses. */
@Injectable()
export class MemoryAuditTrail extends AuditTrail {
  readonly events: RecordedEvent[] = [];
  private readonly redaction: Redaction;
  private readonly actions: AuditActionRegistry;

  constructor(
    @Inject(MODULE_OPTIONS_TOKEN) { actions = [], redact = [], redactEmails = false }: TestAuditModuleOptions,
  ) {
    super();
    this.actions = new AuditActionRegistry(actions);
    this.redaction = new Redaction({ redact, redactEmails });
  }

  record<A extends string>(input: AuditInput<A> & { action: AuditActionName<A> }): void {
    this.events.push(toRecordedEvent(auditLine(input as AuditInput, this.redaction, this.actions)));
  }
}

/**
 * Replaces AuditModule in tests: it keeps the events in memory, and {@link auditEvents} returns them. It has neither the
 * hash chain and delivery modes of AuditModule nor its routes, and it records no requests by itself.
 *
 * @publicApi
 */
@Global()
@Module({
  providers: [MemoryAuditTrail, { provide: AuditTrail, useExisting: MemoryAuditTrail }],
  exports: [AuditTrail],
})
export class TestAuditModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}

/** An application or a testing module. */
type TestedApplication = Pick<INestApplicationContext, 'get'>;

/**
 * The audit events that an application with {@link TestAuditModule} has recorded, oldest first.
 *
 * @publicApi
 */
export function auditEvents<A extends AuditAction | (string & {})>(
  app: TestedApplication,
  filter: RecordedEventFilter<A> = {},
): RecordedEvent<A>[] {
  const wanted = Object.entries(filter) as [keyof RecordedEventFilter, unknown][];
  const { events } = app.get(MemoryAuditTrail, { strict: false });
  return events.filter((event): event is RecordedEvent<A> =>
    wanted.every(([member, value]) => value === undefined || event[member] === value),
  );
}

/** Forgets all events, so that a test sees only its own. Call it before each test. @publicApi */
export function clearAuditEvents(app: TestedApplication): void {
  app.get(MemoryAuditTrail, { strict: false }).events.length = 0;
}

function toRecordedEvent(line: string): RecordedEvent {
  const record = JSON.parse(line) as AuditRecord;
  return {
    id: record.id,
    occurredAt: new Date(record.occurred_at),
    action: record.action,
    outcome: record.outcome,
    severity: record.severity,
    actorId: record.actor_id ?? null,
    tenantId: record.tenant_id ?? null,
    target: record.target ?? null,
    targets: record.targets,
    requestId: record.request_id ?? null,
    traceId: record.trace_id ?? null,
    address: record.address ?? null,
    userAgent: record.user_agent ?? null,
    route: record.route ?? null,
    idempotencyKey: record.idempotency_key ?? null,
    schemaVersion: record.schema_version ?? null,
    metadata: record.metadata as RecordedEvent['metadata'],
  };
}
