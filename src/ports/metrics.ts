/** Label names and values of one time series. */
export type Labels = Readonly<Record<string, string>>;

/** One time series of a counter. */
export interface Counter {
  add(amount?: number): void;
}

/** One time series of a histogram. */
export interface Histogram {
  observe(value: number): void;
}

/** Value of one time series of a gauge. */
export interface GaugeReading {
  readonly labels: Labels;
  readonly value: number;
}

export interface MetricOptions {
  /** Prometheus name with its unit as suffix, such as `http_server_request_duration_seconds`. */
  name: string;
  help: string;
  labelNames?: readonly string[];
}

/** Hands out the time series of one metric. Keep what it returns where the labels are few: the look-up costs. */
export interface MetricFamily<T> {
  labels(labels: Labels): T;
}

/**
 * Where modules report figures. ObservabilityModule binds it to Prometheus; without it {@link NoMetrics} stands in, so
 * that a module never asks whether metrics are on.
 *
 * @publicApi
 */
export abstract class Metrics {
  abstract counter(options: MetricOptions): MetricFamily<Counter>;
  abstract histogram(options: MetricOptions & { buckets: readonly number[] }): MetricFamily<Histogram>;
  /** A gauge is read when it is scraped, so that nobody has to keep it up to date. */
  abstract gauge(options: MetricOptions, read: () => number | Promise<number>): void;
  /** A gauge with several time series. */
  abstract gauges(options: MetricOptions, read: () => readonly GaugeReading[]): void;
}

const nothing = { labels: () => ({ add: () => undefined, observe: () => undefined }) };

/** Takes figures and forgets them. */
export class NoMetrics extends Metrics {
  counter(): MetricFamily<Counter> {
    return nothing;
  }
  histogram(): MetricFamily<Histogram> {
    return nothing;
  }
  gauge(): void {}
  gauges(): void {}
}
