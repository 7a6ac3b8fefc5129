import type { AuditTrail, Counter, MetricFamily, Metrics } from '../common/index.js';

/** What was refused or changed, by rule; the label of the metric. */
export type SecurityRule = 'cors_origin' | 'control_characters' | 'operators' | 'address' | 'request_shape';

const QUIET_MS = 60_000;
const MOST_STREAKS = 1_000;
const MOST_EVENTS_PER_MINUTE = 60;

/**
 * Tells of refusals: each one in a metric, and the first of a streak in the audit trail. A flood of them must not become
 * a flood of events, nor a memory of all who took part.
 */
export class SecurityReports {
  private readonly family: MetricFamily<Counter>;
  private readonly counters = new Map<SecurityRule, Counter>();
  private readonly streaks = new Map<string, number>();
  private minute = 0;
  private events = 0;

  constructor(
    metrics: Metrics,
    private readonly audit: AuditTrail,
  ) {
    this.family = metrics.counter({
      name: 'security_refusals_total',
      help: 'Requests that a rule of SecurityModule refused or changed.',
      labelNames: ['rule'],
    });
  }

  /** @param subject what the streak is of: an origin, an address */
  refused(rule: SecurityRule, subject: string, metadata: Readonly<Record<string, unknown>> = {}): void {
    this.counterOf(rule).add();
    if (!this.isFirst(`${rule} ${subject}`)) return;
    this.audit.record({ action: 'security.violation', outcome: 'denied', metadata: { rule, ...metadata } });
  }

  private counterOf(rule: SecurityRule): Counter {
    const counter = this.counters.get(rule) ?? this.family.labels({ rule });
    this.counters.set(rule, counter);
    return counter;
  }

  private isFirst(streak: string): boolean {
    const now = performance.now();
    const last = this.streaks.get(streak);
    this.streaks.delete(streak);
    this.streaks.set(streak, now);
    const [oldest] = this.streaks.size > MOST_STREAKS ? this.streaks.keys() : [];
    if (oldest !== undefined) this.streaks.delete(oldest);
    return (last === undefined || now - last > QUIET_MS) && this.hasBudget(now);
  }

  private hasBudget(now: number): boolean {
    const minute = Math.floor(now / 60_000);
    if (minute !== this.minute) [this.minute, this.events] = [minute, 0];
    return this.events++ < MOST_EVENTS_PER_MINUTE;
  }
}
