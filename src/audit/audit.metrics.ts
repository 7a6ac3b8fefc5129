import type { AuditDelivery, Counter, MetricFamily, Metrics } from '../ports/index.js';

/** Why an event was lost, or is in the log alone. */
export type DropReason = 'overflow' | 'rejected' | 'unavailable';

const REASONS: readonly DropReason[] = ['overflow', 'rejected', 'unavailable'];

/** What can be seen from outside of the way of events. */
export class AuditMetrics {
  private readonly recorded: Record<AuditDelivery, Counter>;
  private readonly losses: MetricFamily<Counter>;
  private readonly refusals: Counter;
  private readonly damage: Counter;

  constructor(metrics: Metrics, sizes: { pending: () => number; journalBytes: () => number }) {
    const recorded = metrics.counter({
      name: 'audit_events_recorded_total',
      help: 'Audit events taken.',
      labelNames: ['delivery'],
    });
    this.recorded = {
      batch: recorded.labels({ delivery: 'batch' }),
      durable: recorded.labels({ delivery: 'durable' }),
      strict: recorded.labels({ delivery: 'strict' }),
    };
    this.losses = metrics.counter({
      name: 'audit_events_dropped_total',
      help: 'Audit events lost or refused, by reason.',
      labelNames: ['reason'],
    });
    // From zero on, so that the first loss is an increase.
    for (const reason of REASONS) this.losses.labels({ reason }).add(0);
    this.refusals = metrics
      .counter({ name: 'audit_journal_refusals_total', help: 'Durable events that the journal did not take.' })
      .labels({});
    this.damage = metrics
      .counter({ name: 'audit_journal_damage_total', help: 'Damaged records and cut ends of journal segments.' })
      .labels({});
    metrics.gauge({ name: 'audit_events_pending', help: 'Audit events not yet stored.' }, sizes.pending);
    metrics.gauge({ name: 'audit_journal_bytes', help: 'Size of the audit journal.' }, sizes.journalBytes);
  }

  taken(delivery: AuditDelivery): void {
    this.recorded[delivery].add();
  }

  dropped(reason: DropReason): void {
    this.losses.labels({ reason }).add();
  }

  journalRefused(): void {
    this.refusals.add();
  }

  journalDamaged(records: number, tornBytes: number): void {
    this.damage.add(records + (tornBytes > 0 ? 1 : 0));
  }
}
