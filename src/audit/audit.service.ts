import { Inject, Injectable, Logger, Optional, type BeforeApplicationShutdown } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import {
  AuditTrail,
  currentContext,
  Metrics,
  NoMetrics,
  OnShutdown,
  ShutdownPhase,
  uuidv7,
  type AuditInput,
  type Counter,
  type ShutdownParticipant,
} from '../common/index.js';
import { AuditEvent } from './audit-event.entity.js';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';

const MAXIMUM_TEXT = 512;

/**
 * Writes security events to PostgreSQL in batches. While the database is away events wait in memory, up to a bound;
 * what the bound drops is counted and logged.
 *
 * @publicApi
 */
@Injectable()
@OnShutdown({ phase: ShutdownPhase.Flush })
export class AuditService extends AuditTrail implements ShutdownParticipant, BeforeApplicationShutdown {
  private readonly logger = new Logger('Audit');
  private readonly recorded: Counter;
  private readonly dropped: Counter;
  private pending: AuditEvent[] = [];
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
  private isStoreDown = false;

  constructor(
    @InjectRepository(AuditEvent) private readonly events: Repository<AuditEvent>,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    super();
    this.recorded = metrics.counter({ name: 'audit_events_recorded_total', help: 'Audit events taken.' }).labels({});
    this.dropped = metrics.counter({ name: 'audit_events_dropped_total', help: 'Audit events lost.' }).labels({});
    metrics.gauge({ name: 'audit_events_pending', help: 'Audit events not yet stored.' }, () => this.pending.length);
  }

  record(input: AuditInput): void {
    if (this.pending.length >= this.settings.maxPending) {
      this.dropped.add();
      return;
    }
    this.recorded.add();
    this.pending.push(this.eventOf(input));
    if (this.pending.length >= this.settings.batchSize) this.flushInBackground();
    else this.timer ??= setTimeout(() => this.flushInBackground(), this.settings.flushIntervalMs).unref();
  }

  /** Writes everything that is pending. Resolves when it stands in the database, rejects when it could not. */
  async flush(): Promise<void> {
    await this.writing?.catch(() => undefined);
    this.writing = this.writeAll().finally(() => (this.writing = undefined));
    await this.writing;
  }

  /** Stored events of one request, oldest first. */
  findByRequest(requestId: string): Promise<AuditEvent[]> {
    return this.events.find({ where: { requestId }, order: { id: 'ASC' } });
  }

  /** Events that are recorded and not yet stored, and whether the store takes them. */
  get backlog(): { pending: number; limit: number; isStoreDown: boolean } {
    return { pending: this.pending.length, limit: this.settings.maxPending, isStoreDown: this.isStoreDown };
  }

  onShutdown(): Promise<void> {
    return this.flush();
  }

  /** For applications without ShutdownModule; with it, nothing is left to write here. */
  async beforeApplicationShutdown(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      this.logger.error({ err: error, lost: this.pending.length, msg: 'audit events could not be stored at shutdown' });
    }
  }

  private flushInBackground(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.writing) return;
    this.flush().then(
      () => this.storeIs('up'),
      (error: unknown) => {
        this.storeIs('down', error);
        this.timer ??= setTimeout(() => this.flushInBackground(), this.settings.flushIntervalMs).unref();
      },
    );
  }

  private async writeAll(): Promise<void> {
    while (this.pending.length > 0) {
      const batch = this.pending.slice(0, this.settings.batchSize);
      // A batch whose answer got lost may come again; its ids tell.
      await this.events.createQueryBuilder().insert().values(batch).orIgnore().updateEntity(false).execute();
      this.pending.splice(0, batch.length);
    }
  }

  /** One line when the store goes away and one when it is back. */
  private storeIs(state: 'up' | 'down', error?: unknown): void {
    const isDown = state === 'down';
    if (isDown && !this.isStoreDown) {
      this.logger.error({ err: error, msg: 'audit events cannot be stored; they wait in memory' });
    } else if (!isDown && this.isStoreDown) {
      this.logger.log('audit events are stored again');
    }
    this.isStoreDown = isDown;
  }

  private eventOf(input: AuditInput): AuditEvent {
    const context = currentContext();
    return {
      id: uuidv7(),
      occurredAt: new Date(),
      action: input.action,
      outcome: input.outcome,
      severity: input.severity ?? (input.outcome === 'success' ? 'INFO' : 'WARNING'),
      actorId: input.actorId ?? context?.principal?.id ?? null,
      target: input.target ?? null,
      requestId: context?.requestId ?? null,
      address: context?.clientAddress ?? null,
      userAgent: harmless(context?.userAgent),
      route: context?.route ?? null,
      metadata: { ...input.metadata },
    };
  }
}

/** A client's own text, cut to size and without control characters, which could forge lines where events are read. */
function harmless(text: string | undefined): string | null {
  return text === undefined ? null : text.slice(0, MAXIMUM_TEXT).replace(/\p{Cc}/gu, '?');
}
