import type { Counter, Metrics } from '../ports/index.js';

export type ThrottleOutcome = 'allowed' | 'near_limit' | 'denied' | 'shadow_denied';
const OUTCOMES: readonly ThrottleOutcome[] = ['allowed', 'near_limit', 'denied', 'shadow_denied'];

/** Metrics of the throttler. Labels are names of tiers, never keys, because clients choose the keys. */
export class ThrottlerMetrics {
  private readonly series: Record<ThrottleOutcome, Counter>[];
  private readonly failures: Counter;

  constructor(metrics: Metrics, tiers: readonly string[], read: { isFallingBack(): boolean; keys(): number }) {
    const decisions = metrics.counter({
      name: 'throttler_decisions_total',
      help: 'Decisions by tier. near_limit: allowed with less than a fifth left. shadow_denied: allowed only because the tier is in shadow mode.',
      labelNames: ['tier', 'outcome'],
    });
    this.series = tiers.map(
      (tier) =>
        Object.fromEntries(OUTCOMES.map((outcome) => [outcome, decisions.labels({ tier, outcome })])) as Record<
          ThrottleOutcome,
          Counter
        >,
    );
    this.failures = metrics
      .counter({
        name: 'throttler_store_failures_total',
        help: 'Decisions that the shared store did not make in time.',
      })
      .labels({});
    metrics.gauge(
      {
        name: 'throttler_falling_back',
        help: '1 while the shared store does not answer and each tier uses its fallback.',
      },
      () => (read.isFallingBack() ? 1 : 0),
    );
    metrics.gauge({ name: 'throttler_memory_keys', help: 'Keys counted in the memory of this process.' }, () =>
      read.keys(),
    );
  }

  decided(tierIndex: number, outcome: ThrottleOutcome): void {
    this.series[tierIndex]?.[outcome].add();
  }

  storeFailed(): void {
    this.failures.add();
  }
}
