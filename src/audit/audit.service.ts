import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type BeforeApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import {
  AuditTrail,
  Metrics,
  NoMetrics,
  OnShutdown,
  ShutdownPhase,
  type AuditDelivery,
  type AuditInput,
  type AuditOutcome,
  type ShutdownParticipant,
  type AuditActionName,
} from '../ports/index.js';
import { AUDIT_UNAVAILABLE_DETAIL, currentContext, runOutsideRequests, type RequestContext } from '../context/index.js';
import { PeriodicTasks } from '../periodic-tasks/index.js';
import { ProblemException } from '../problem/index.js';
import { AuditActionRegistry } from './actions.js';
import { AnonymousEvents } from './anonymous-events.js';
import { AuditEvent } from './audit-event.entity.js';
import { auditLine } from './audit-record.js';
import { AuditMetrics, type DropReason } from './audit.metrics.js';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
import { AuditStore } from './audit.store.js';
import { AuditWriter } from './audit.writer.js';
import { fitsRecord, Journal } from './journal/journal.js';
import { Redaction } from './redaction.js';
import { AuditScope } from './store/audit.scope.js';

const HEARTBEAT_MS = 10_000;

/** Actions that accompany a request and do not tell the result of its operation. */
const SECONDARY_ACTIONS = /^(?:access\.|api\.|rate_limit\.exceeded$|security\.)/;

/** @publicApi */
export interface AuditBacklog {
  /** Events in memory that are not yet stored. */
  pending: number;
  limit: number;
  /** Size of the journal. It also contains events that did not fit in memory. */
  journalBytes: number;
  journalLimitBytes: number;
  isStoreDown: boolean;
}

/**
 * Records security events. The delivery mode of an event decides where it is before the response is sent: in memory, on
 * the local disk or in the database. All events are written to the database later. docs/audit.md describes which
 * failures each mode survives.
 *
 * @publicApi
 */
@Injectable()
@OnShutdown({ phase: ShutdownPhase.Flush })
export class AuditService extends AuditTrail implements ShutdownParticipant, OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Audit');
  private readonly actions: AuditActionRegistry;
  private readonly redaction: Redaction;
  private readonly writer: AuditWriter;
  private readonly metrics: AuditMetrics;
  /** Outcome of the operation of a request, if an event has recorded it. */
  private readonly outcomes = new WeakMap<RequestContext, AuditOutcome>();
  private readonly anonymous = new AnonymousEvents((input) => void this.deliver(input)?.catch(() => undefined));
  private journal: Journal | undefined;
  private isJournalDown = false;
  private isDropping = false;

  /** @internal */
  constructor(
    private readonly scope: AuditScope,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    store: AuditStore,
    private readonly tasks: PeriodicTasks,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    super();
    this.actions = new AuditActionRegistry(settings.actions);
    this.redaction = new Redaction(settings);
    this.metrics = new AuditMetrics(metrics, {
      pending: () => this.writer.size,
      journalBytes: () => this.journal?.bytes ?? 0,
    });
    this.writer = new AuditWriter(store, () => this.journal, {
      ...settings,
      tasks,
      onRefused: (line, error) => this.logLostEvent('rejected', line, error),
      onDamage: (records, incompleteBytes) => this.metrics.countJournalDamage(records, incompleteBytes),
    });
  }

  async onModuleInit(): Promise<void> {
    const { journalDir, journalSegmentBytes: segmentBytes, journalMaxBytes: maxBytes } = this.settings;
    if (journalDir === undefined) return;
    try {
      this.journal = await Journal.open(journalDir, { segmentBytes, maxBytes });
    } catch (error) {
      this.logger.warn({
        err: error,
        msg: `the audit journal cannot be created in ${journalDir}: durable events are written to the database before the response is sent; set AUDIT_JOURNAL_DIR to a writable folder`,
      });
      return;
    }
    await this.recoverOrphans(this.journal);
    const run = () => this.sendHeartbeat();
    this.tasks.add({
      name: 'audit-journal',
      everyMs: HEARTBEAT_MS,
      retryMaxMs: HEARTBEAT_MS,
      run,
      runsUntilClose: true,
    });
  }

  record<A extends string>(input: AuditInput<A> & { action: AuditActionName<A> }): void {
    const recorded = this.anonymous.admit(input as AuditInput) ? this.deliver(input as AuditInput) : undefined;
    const context = currentContext();
    if (context && !SECONDARY_ACTIONS.test(input.action)) this.outcomes.set(context, input.outcome);
    if (!recorded) return;
    if (context) context.holdResponse(recorded);
    else recorded.catch(() => undefined);
  }

  /** Whether an event has recorded the operation of the request with this outcome. @internal */
  hasRecorded(context: RequestContext, outcome: AuditOutcome): boolean {
    return this.outcomes.get(context) === outcome;
  }

  /**
   * Records an event, and resolves when its delivery mode is fulfilled. For jobs, and for code that must wait for it.
   *
   * @throws ProblemException `AUDIT_UNAVAILABLE` if the event cannot be stored
   */
  async recordAndWait<A extends string>(input: AuditInput<A> & { action: AuditActionName<A> }): Promise<void> {
    await this.deliver(input as AuditInput);
  }

  /** Writes all pending events. Resolves when they are in the database, rejects if that fails. */
  async flush(): Promise<void> {
    await this.journal?.waitForWrites();
    await this.writer.flush();
  }

  /** Stored events of one request, oldest first. */
  findByRequest(requestId: string): Promise<AuditEvent[]> {
    return this.scope.read('all', (manager) =>
      manager.find(AuditEvent, { where: { requestId }, order: { id: 'ASC' } }),
    );
  }

  /** Recorded events that are not stored yet, and whether the database accepts events. */
  get backlog(): AuditBacklog {
    return {
      pending: this.writer.size,
      limit: this.settings.maxPending,
      journalBytes: this.journal?.bytes ?? 0,
      journalLimitBytes: this.settings.journalMaxBytes,
      isStoreDown: this.writer.isStoreDown,
    };
  }

  onShutdown(): Promise<void> {
    this.anonymous.flush();
    return this.flush();
  }

  /** For applications without ShutdownModule. With it, most events are already written. */
  async beforeApplicationShutdown(): Promise<void> {
    this.anonymous.flush();
    try {
      await this.flush();
    } catch (error) {
      const inMemory = this.writer.size;
      this.logger.error({ err: error, inMemory, msg: 'audit events could not be stored at shutdown' });
    }
    const journal = this.journal;
    this.journal = undefined;
    for (const line of this.writer.stop()) {
      // Another process stores the events of the journal later.
      const kept =
        journal?.append(line) ??
        Promise.reject(new Error('AUDIT_JOURNAL_DIR is not set or not usable, so there is no journal'));
      kept.catch((error: unknown) => this.logLostEvent('unavailable', line, error));
    }
    await journal?.close();
  }

  /** Returns undefined if the caller need not wait. Never throws synchronously. */
  private deliver(input: AuditInput): Promise<void> | undefined {
    let line: string;
    try {
      line = auditLine(input, this.redaction, this.actions);
    } catch (error) {
      // A getter of the metadata has thrown. The event is recorded without them.
      this.logger.error({ err: error, action: input.action, msg: 'the metadata of an audit event cannot be read' });
      line = auditLine({ ...input, metadata: { unreadable: true } }, this.redaction, this.actions);
    }
    const delivery = this.deliveryOf(input);
    this.metrics.countRecorded(delivery);
    if (delivery === 'batch') this.deliverBatch(line);
    else return delivery === 'strict' ? this.deliverStrict(line) : this.deliverDurable(line);
    return undefined;
  }

  private deliveryOf(input: AuditInput): AuditDelivery {
    if (input.delivery) return input.delivery;
    const bySeverity = this.settings.delivery[this.actions.severityOf(input)];
    return bySeverity === 'batch' && this.actions.isSecurity(input.action) ? 'durable' : bySeverity;
  }

  private deliverBatch(line: string): void {
    if (!this.writer.isFull) {
      this.isDropping = false;
      this.writer.add({ line });
      return;
    }
    this.metrics.countDropped('overflow');
    if (!this.isDropping) {
      this.logger.error('audit events of mode batch are dropped: the limit of pending events is reached (maxPending)');
    }
    this.isDropping = true;
  }

  private async deliverDurable(line: string): Promise<void> {
    const { journal } = this;
    if (!journal || !fitsRecord(line)) return this.deliverStrict(line);
    try {
      const segment = await journal.append(line);
      if (this.isJournalDown) this.logger.log('the audit journal stores events again');
      this.isJournalDown = false;
      if (!this.writer.isFull) {
        this.writer.add({ line, segment });
        return;
      }
      segment.markDiskOnly();
      segment.release();
    } catch (error) {
      this.metrics.countJournalRefusal();
      if (!this.isJournalDown) {
        this.logger.error({
          err: error,
          msg: 'the audit journal is not available: durable events are written to the database before the response is sent',
        });
      }
      this.isJournalDown = true;
      await this.deliverStrict(line);
    }
  }

  /** @throws ProblemException if the first write fails. The event stays pending, and the write is repeated. */
  private async deliverStrict(line: string): Promise<void> {
    if (this.writer.isFull) {
      this.logLostEvent('unavailable', line, undefined);
      throw auditUnavailable();
    }
    try {
      await this.writer.addUrgent(line);
    } catch (error) {
      throw auditUnavailable(error);
    }
  }

  /** Writes the event to the log, because nothing else can store it. */
  private logLostEvent(reason: DropReason, line: string, error: unknown): void {
    this.metrics.countDropped(reason);
    const fields = {
      err: error,
      event: line,
      msg: 'an audit event could not be stored: this log line is its only copy',
    };
    // Outside the request, because the log limits the lines of unauthenticated callers.
    runOutsideRequests(() => this.logger.error(fields));
  }

  private async recoverOrphans(journal: Journal): Promise<void> {
    const count = await journal.recoverOrphans();
    if (count === 0) return;
    this.logger.log(`recovering ${count} segments of the audit journal of a process that has ended`);
  }

  private async sendHeartbeat(): Promise<void> {
    await this.journal?.sendHeartbeat();
    if (this.journal) await this.recoverOrphans(this.journal);
  }
}

function auditUnavailable(cause?: unknown): ProblemException {
  return new ProblemException('AUDIT_UNAVAILABLE', AUDIT_UNAVAILABLE_DETAIL, { cause });
}
