import type { AuditDelivery, Counter, MetricFamily, Metrics } from '../ports/index.js';

/** Why an event was lost, or is only in the log. */
export type DropReason = 'overflow' | 'rejected' | 'unavailable';

const REASONS: readonly DropReason[] = ['overflow', 'rejected', 'unavailable'];

/** Metrics of recording and storing events. */
export class AuditMetrics {
  private readonly recorded: Record<AuditDelivery, Counter>;
  private readonly losses: MetricFamily<Counter>;
  private readonly refusals: Counter;
  private readonly damage: Counter;

  constructor(metrics: Metrics, sizes: { pending: () => number; journalBytes: () => number }) {
    const recorded = metrics.counter({
      name: 'audit_events_recorded_total',
      help: 'Audit events recorded, by delivery mode.',
      labelNames: ['delivery'],
    });
    this.recorded = {
      batch: recorded.labels({ delivery: 'batch' }),
      durable: recorded.labels({ delivery: 'durable' }),
      strict: recorded.labels({ delivery: 'strict' }),
    };
    this.losses = metrics.counter({
      name: 'audit_events_dropped_total',
      help: 'Audit events not stored, by reason.',
      labelNames: ['reason'],
    });
    // The series starts at zero. Otherwise a query would not see the first loss as an increase.
    for (const reason of REASONS) this.losses.labels({ reason }).add(0);
    this.refusals = metrics
      .counter({ name: 'audit_journal_refusals_total', help: 'Durable events that the journal could not store.' })
      .labels({});
    this.damage = metrics
      .counter({ name: 'audit_journal_damage_total', help: 'Damaged records and incomplete ends of journal segments.' })
      .labels({});
    metrics.gauge(
      { name: 'audit_events_pending', help: 'Audit events in memory that are not stored yet.' },
      sizes.pending,
    );
    metrics.gauge({ name: 'audit_journal_bytes', help: 'Size of the audit journal in bytes.' }, sizes.journalBytes);
  }

  countRecorded(delivery: AuditDelivery): void {
    this.recorded[delivery].add();
  }

  countDropped(reason: DropReason): void {
    this.losses.labels({ reason }).add();
  }

  countJournalRefusal(): void {
    this.refusals.add();
  }

  countJournalDamage(records: number, incompleteBytes: number): void {
    this.damage.add(records + (incompleteBytes > 0 ? 1 : 0));
  }
}
