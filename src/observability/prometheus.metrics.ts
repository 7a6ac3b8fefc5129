import { collectDefaultMetrics, Gauge, Registry, type Metric } from 'prom-client';
import {
  Metrics,
  type Counter,
  type GaugeReading,
  type Histogram,
  type Labels,
  type MetricFamily,
  type MetricOptions,
} from '../ports/index.js';

interface Sample {
  labels: Record<string, string | number>;
  value: number;
  metricName?: string;
}

/**
 * The time series of one metric. prom-client hashes the labels at every observation, which is slow. Here a caller keeps
 * the series that it writes to, and prom-client only formats all series at a scrape.
 */
abstract class SeriesFamily<T> implements MetricFamily<T> {
  protected readonly series = new Map<string, { labels: Labels; state: T }>();

  constructor(
    protected readonly options: MetricOptions,
    private readonly type: 'counter' | 'histogram',
  ) {}

  labels(labels: Labels): T {
    const key = (this.options.labelNames ?? []).map((name) => labels[name] ?? '').join('\u0000');
    let entry = this.series.get(key);
    if (!entry) this.series.set(key, (entry = { labels, state: this.create() }));
    return entry.state;
  }

  /** Called by prom-client's registry at a scrape. */
  get(): Promise<object> {
    const { name, help } = this.options;
    const values = [...this.series.values()].flatMap(({ labels, state }) => this.samples(labels, state));
    return Promise.resolve({ name, help, type: this.type, aggregator: 'sum', values });
  }

  get name(): string {
    return this.options.name;
  }

  reset(): void {
    this.series.clear();
  }

  protected abstract create(): T;
  protected abstract samples(labels: Labels, state: T): Sample[];
}

class CounterSeries implements Counter {
  value = 0;
  add(amount = 1): void {
    this.value += amount;
  }
}

class CounterFamily extends SeriesFamily<CounterSeries> {
  protected create(): CounterSeries {
    return new CounterSeries();
  }
  protected samples(labels: Labels, state: CounterSeries): Sample[] {
    return [{ labels, value: state.value }];
  }
}

class HistogramSeries implements Histogram {
  readonly counts: number[];
  sum = 0;

  constructor(private readonly buckets: readonly number[]) {
    this.counts = Array.from({ length: buckets.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.buckets.length && value > (this.buckets[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }
}

class HistogramFamily extends SeriesFamily<HistogramSeries> {
  constructor(
    options: MetricOptions,
    private readonly buckets: readonly number[],
  ) {
    super(options, 'histogram');
  }

  protected create(): HistogramSeries {
    return new HistogramSeries(this.buckets);
  }

  protected samples(labels: Labels, state: HistogramSeries): Sample[] {
    const { name } = this.options;
    let total = 0;
    const buckets = state.counts.map((count, index) => {
      total += count;
      return { labels: { ...labels, le: this.buckets[index] ?? '+Inf' }, value: total, metricName: `${name}_bucket` };
    });
    return [
      ...buckets,
      { labels, value: state.sum, metricName: `${name}_sum` },
      { labels, value: total, metricName: `${name}_count` },
    ];
  }
}

/** Prometheus metrics. Each instance has its own registry, so that two applications in one process do not collide. */
export class PrometheusMetrics extends Metrics {
  readonly registry = new Registry();

  constructor() {
    super();
    collectDefaultMetrics({ register: this.registry });
  }

  counter(options: MetricOptions): MetricFamily<Counter> {
    return this.register(new CounterFamily(options, 'counter'));
  }

  histogram(options: MetricOptions & { buckets: readonly number[] }): MetricFamily<Histogram> {
    return this.register(new HistogramFamily(options, options.buckets));
  }

  gauge(options: MetricOptions, read: () => number | Promise<number>): void {
    this.registerGauge(options, async (gauge) => gauge.set(await read()));
  }

  gauges(options: MetricOptions, read: () => readonly GaugeReading[]): void {
    this.registerGauge(options, (gauge) => {
      gauge.reset();
      for (const { labels, value } of read()) gauge.set(labels, value);
    });
  }

  private registerGauge(
    { name, help, labelNames = [] }: MetricOptions,
    collect: (gauge: Gauge) => void | Promise<void>,
  ) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect: () => collect(gauge),
    });
  }

  private register<T extends SeriesFamily<unknown>>(family: T): T {
    this.registry.registerMetric(family as unknown as Metric);
    return family;
  }
}
