import type { Counter, MetricFamily, Metrics, ViolationStreaks } from '../ports/index.js';

/** What was refused or changed, by rule; the label of the metric. */
export type SecurityRule =
  | 'address'
  | 'body_shape'
  | 'control_characters'
  | 'cors_origin'
  | 'malformed_request'
  | 'operators'
  | 'request_shape'
  | 'reserved_keys';

/** Tells of refusals: each one in a metric, and their streaks in the audit trail. */
export class SecurityReports {
  private readonly family: MetricFamily<Counter>;
  private readonly counters = new Map<SecurityRule, Counter>();

  constructor(
    metrics: Metrics,
    private readonly streaks: ViolationStreaks,
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
    this.streaks.add({ rule, subject, metadata });
  }

  private counterOf(rule: SecurityRule): Counter {
    const counter = this.counters.get(rule) ?? this.family.labels({ rule });
    this.counters.set(rule, counter);
    return counter;
  }
}
