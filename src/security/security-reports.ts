import type { Counter, MetricFamily, Metrics, ViolationStreaks } from '../ports/index.js';

/** The rule by which a request was rejected or changed. It is the label of the metric. */
export type SecurityRule =
  | 'address'
  | 'body_shape'
  | 'control_characters'
  | 'cors_origin'
  | 'malformed_request'
  | 'operators'
  | 'request_shape'
  | 'reserved_keys'
  | 'webhook';

/** Reports rejected and changed requests: each one in a metric, and their streaks in the audit trail. */
export class SecurityReports {
  private readonly family: MetricFamily<Counter>;
  private readonly counters = new Map<SecurityRule, Counter>();

  constructor(
    metrics: Metrics,
    private readonly streaks: ViolationStreaks,
  ) {
    this.family = metrics.counter({
      name: 'security_refusals_total',
      help: 'Requests that a rule of SecurityModule rejected or changed.',
      labelNames: ['rule'],
    });
  }

  /** @param subject the origin or address that causes the streak */
  report(rule: SecurityRule, subject: string, metadata: Readonly<Record<string, unknown>> = {}): void {
    this.getCounter(rule).add();
    this.streaks.add({ rule, subject, metadata });
  }

  private getCounter(rule: SecurityRule): Counter {
    const counter = this.counters.get(rule) ?? this.family.labels({ rule });
    this.counters.set(rule, counter);
    return counter;
  }
}
