import type { Metrics } from '../ports/index.js';
import type { TaskObserver, TaskRecord } from './task-record.js';

const DURATIONS_S = [0.01, 0.1, 0.5, 1, 5, 30, 120, 600, 3_600];

/** The metrics of all tasks of an application. */
export class TaskMetrics {
  private readonly durations;
  private readonly failures;

  constructor(metrics: Metrics, records: () => readonly TaskRecord[]) {
    const labelNames = ['task'];
    this.durations = metrics.histogram({
      name: 'periodic_task_run_duration_seconds',
      help: 'Duration of the runs of a periodic task on this replica.',
      labelNames,
      buckets: DURATIONS_S,
    });
    this.failures = metrics.counter({
      name: 'periodic_task_failures_total',
      help: 'Runs of a periodic task that failed on this replica.',
      labelNames,
    });
    metrics.gauges(
      {
        name: 'periodic_task_last_success_timestamp_seconds',
        help: 'End of the last run that succeeded; for a task of scope cluster, on any replica.',
        labelNames,
      },
      () =>
        records().flatMap(({ name, status: { lastSuccess } }) =>
          lastSuccess ? [{ labels: { task: name }, value: lastSuccess.getTime() / 1_000 }] : [],
        ),
    );
  }

  of(task: string): TaskObserver {
    const [duration, failures] = [this.durations.labels({ task }), this.failures.labels({ task })];
    // From zero on, so that the first failure is an increase.
    failures.add(0);
    return {
      runEnded: (durationMs) => duration.observe(durationMs / 1_000),
      failed: () => failures.add(),
    };
  }
}
