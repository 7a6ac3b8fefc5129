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
import { currentContext, runOutsideRequests, type RequestContext } from '../context/index.js';
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

/** Events that accompany a request and do not say what it did. */
const ACCOMPANYING = /^(?:access\.|api\.|rate_limit\.exceeded$|security\.)/;

/** @publicApi */
export interface AuditBacklog {
  /** Events in memory that are not yet stored. */
  pending: number;
  limit: number;
  /** Bytes of the journal, which also holds what memory has no place for. */
  journalBytes: number;
  journalLimitBytes: number;
  isStoreDown: boolean;
}

/**
 * Records security events: in memory, on the local disk or in the database before the request is answered, as their
 * delivery says, and in the database in the end. docs/audit.md says what survives what.
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
  /** How what a request did went, where an event says what it did. */
  private readonly outcomes = new WeakMap<RequestContext, AuditOutcome>();
  private readonly anonymous = new AnonymousEvents((input) => void this.take(input)?.catch(() => undefined));
  private journal: Journal | undefined;
  private isJournalDown = false;
  private isDropping = false;

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
      onRefused: (line, error) => this.lost('rejected', line, error),
      onDamage: (records, tornBytes) => this.metrics.journalDamaged(records, tornBytes),
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
        msg: `no audit journal can be kept in ${journalDir}: durable events are written to the database before a request is answered; give AUDIT_JOURNAL_DIR a folder that can be written to`,
      });
      return;
    }
    await this.recoverOrphans(this.journal);
    const run = () => this.keepAlive();
    this.tasks.add({
      name: 'audit-journal',
      everyMs: HEARTBEAT_MS,
      retryMaxMs: HEARTBEAT_MS,
      run,
      runsUntilClose: true,
    });
  }

  record<A extends string>(input: AuditInput<A> & { action: AuditActionName<A> }): void {
    const recorded = this.anonymous.admit(input as AuditInput) ? this.take(input as AuditInput) : undefined;
    const context = currentContext();
    if (context && !ACCOMPANYING.test(input.action)) this.outcomes.set(context, input.outcome);
    if (!recorded) return;
    if (context) context.holdResponse(recorded);
    else recorded.catch(() => undefined);
  }

  /** Whether an event says what a request did, and that it ended so. @internal */
  hasRecorded(context: RequestContext, outcome: AuditOutcome): boolean {
    return this.outcomes.get(context) === outcome;
  }

  /**
   * Records and resolves when the event is where its delivery wants it, for jobs and for code that must not go on
   * before.
   *
   * @throws ProblemException `AUDIT_UNAVAILABLE` where it can be kept nowhere
   */
  async recordAndWait<A extends string>(input: AuditInput<A> & { action: AuditActionName<A> }): Promise<void> {
    await this.take(input as AuditInput);
  }

  /** Writes what is pending now. Resolves when it stands in the database, rejects when it could not. */
  async flush(): Promise<void> {
    await this.journal?.settled();
    await this.writer.flush();
  }

  /** Stored events of one request, oldest first. */
  findByRequest(requestId: string): Promise<AuditEvent[]> {
    return this.scope.read('all', (manager) =>
      manager.find(AuditEvent, { where: { requestId }, order: { id: 'ASC' } }),
    );
  }

  /** Events that are recorded and not yet stored, and whether the store takes them. */
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

  /** For applications without ShutdownModule; with it, little is left to write here. */
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
      // The next process stores what a journal has.
      const kept = journal?.append(line) ?? Promise.reject(new Error('there is no journal'));
      kept.catch((error: unknown) => this.lost('unavailable', line, error));
    }
    await journal?.close();
  }

  /** Undefined where there is nothing to wait for. Never throws. */
  private take(input: AuditInput): Promise<void> | undefined {
    let line: string;
    try {
      line = auditLine(input, this.redaction, this.actions);
    } catch (error) {
      // A getter of what was handed in has thrown: the event counts more than its metadata.
      this.logger.error({ err: error, action: input.action, msg: 'the metadata of an audit event cannot be read' });
      line = auditLine({ ...input, metadata: { unreadable: true } }, this.redaction, this.actions);
    }
    const delivery = this.deliveryOf(input);
    this.metrics.taken(delivery);
    if (delivery === 'batch') this.takeBatch(line);
    else return delivery === 'strict' ? this.takeStrict(line) : this.takeDurable(line);
    return undefined;
  }

  private deliveryOf(input: AuditInput): AuditDelivery {
    if (input.delivery) return input.delivery;
    const bySeverity = this.settings.delivery[this.actions.severityOf(input)];
    return bySeverity === 'batch' && this.actions.isSecurity(input.action) ? 'durable' : bySeverity;
  }

  private takeBatch(line: string): void {
    if (!this.writer.isFull) {
      this.isDropping = false;
      this.writer.add({ line });
      return;
    }
    this.metrics.dropped('overflow');
    if (!this.isDropping) {
      this.logger.error('audit events of mode batch are dropped: as many as memory may hold wait for the database');
    }
    this.isDropping = true;
  }

  private async takeDurable(line: string): Promise<void> {
    const { journal } = this;
    if (!journal || !fitsRecord(line)) return this.takeStrict(line);
    try {
      const segment = await journal.append(line);
      if (this.isJournalDown) this.logger.log('the audit journal takes events again');
      this.isJournalDown = false;
      if (!this.writer.isFull) {
        this.writer.add({ line, segment });
        return;
      }
      segment.markDiskOnly();
      segment.leave();
    } catch (error) {
      this.metrics.journalRefused();
      if (!this.isJournalDown) {
        this.logger.error({ err: error, msg: 'the audit journal is not available: events go to the database at once' });
      }
      this.isJournalDown = true;
      await this.takeStrict(line);
    }
  }

  /** @throws ProblemException where the database does not take it; it is tried again nevertheless, while there is room */
  private async takeStrict(line: string): Promise<void> {
    if (this.writer.isFull) {
      this.lost('unavailable', line, undefined);
      throw unavailable(undefined);
    }
    try {
      await this.writer.addUrgent(line);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** The log is the last place that can keep it. */
  private lost(reason: DropReason, line: string, error: unknown): void {
    this.metrics.dropped(reason);
    const fields = { err: error, event: line, msg: 'an audit event could not be stored, and stands here alone' };
    // Outside the request, because the log bounds the lines of callers without a name.
    runOutsideRequests(() => this.logger.error(fields));
  }

  private async recoverOrphans(journal: Journal): Promise<void> {
    const count = await journal.recoverOrphans();
    if (count === 0) return;
    this.logger.log(`taking over ${count} segments of the audit journal that a dead process has left`);
  }

  private async keepAlive(): Promise<void> {
    await this.journal?.beat();
    if (this.journal) await this.recoverOrphans(this.journal);
  }
}

function unavailable(cause: unknown): ProblemException {
  const detail = 'What this request did could not be recorded. Try again later.';
  return new ProblemException('AUDIT_UNAVAILABLE', detail, { cause });
}
