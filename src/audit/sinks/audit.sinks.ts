import {
  Inject,
  Injectable,
  Optional,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InjectModuleDataSource } from '../../database/index.js';
import {
  HealthCheckOf,
  Metrics,
  NoMetrics,
  type HealthContributor,
  type HealthReport,
  type MetricFamily,
  type Counter,
} from '../../ports/index.js';
import { PeriodicTasks } from '../../periodic-tasks/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { AuditFeed } from '../feed/audit.feed.js';
import { FeedEvents } from '../feed/feed-events.js';
import { SinkPositions } from './sink-positions.js';
import { SinkRunner, type SinkState } from './sink.runner.js';

const PRUNE_EVERY_MS = 60_000;
const MAX_BEHIND_MS = 60_000;

/** Runs a task for each sink, and prunes batches that all sinks have received. No sink waits for another. */
@Injectable()
@HealthCheckOf({ key: 'audit-sinks', critical: false, groups: ['full', 'deep'] })
export class AuditSinks implements HealthContributor, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly runners: readonly SinkRunner[];

  constructor(
    @InjectModuleDataSource() source: DataSource,
    @Inject(AUDIT_SETTINGS) settings: AuditSettings,
    feed: AuditFeed,
    events: FeedEvents,
    tasks: PeriodicTasks,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    const { sinks, sinkTimeoutMs: timeoutMs, feedPollMs: pollMs } = settings;
    const names = sinks.map(({ name }) => name);
    assertUniqueNames(names);
    const positions = new SinkPositions(source);
    const counter = (name: string, help: string): MetricFamily<Counter> =>
      metrics.counter({ name, help, labelNames: ['sink'] });
    const delivered = counter('audit_sink_delivered_total', 'Audit events that a sink has stored.');
    const failures = counter('audit_sink_failures_total', 'Failed deliveries of audit events to a sink.');
    const skipped = counter('audit_sink_skipped_total', 'Audit events that were deleted before a sink received them.');
    this.runners = sinks.map((sink) => {
      const labels = { sink: sink.name };
      const series = {
        delivered: delivered.labels(labels),
        failures: failures.labels(labels),
        skipped: skipped.labels(labels),
      };
      // The series start at zero. Otherwise a query would not see the first failure as an increase.
      for (const one of Object.values(series)) one.add(0);
      return new SinkRunner(sink, feed, events, positions, { timeoutMs, pollMs, tasks, ...series });
    });
    const prune = () => feed.prune(settings.feedRetentionMs, names);
    tasks.add({ name: 'audit-feed-pruning', everyMs: PRUNE_EVERY_MS, run: prune });
    metrics.gauges(
      {
        name: 'audit_sink_behind_seconds',
        help: 'Age of the oldest event that a sink has not received. Only the process that writes to the sink reports it.',
        labelNames: ['sink'],
      },
      () => this.runners.map(({ sink, status }) => ({ labels: { sink: sink.name }, value: status.behindMs / 1_000 })),
    );
  }

  /** The state of each sink. */
  get states(): Readonly<Record<string, SinkState>> {
    return Object.fromEntries(this.runners.map(({ sink, status }) => [sink.name, status]));
  }

  isActive(): boolean {
    return this.runners.length > 0;
  }

  check(): HealthReport {
    const { states } = this;
    const late = Object.entries(states).filter(
      ([, { state, behindMs }]) => state === 'failing' || behindMs > MAX_BEHIND_MS,
    );
    if (late.length === 0) return { ...states };
    return { ...states, degraded: `events wait for: ${late.map(([name]) => name).join(', ')}` };
  }

  async onApplicationBootstrap(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.start()));
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.stop()));
  }
}

/** @throws Error */
function assertUniqueNames(names: readonly string[]): void {
  const duplicate = names.find((name, index) => names.indexOf(name) !== index);
  if (duplicate !== undefined)
    throw new Error(`Two audit sinks have the name "${duplicate}". Give one of them another name.`);
}
