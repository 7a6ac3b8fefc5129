/** Label names and values of one time series. @publicApi */
export type Labels = Readonly<Record<string, string>>;

/** One time series of a counter. @publicApi */
export interface Counter {
  add(amount?: number): void;
}

/** One time series of a histogram. @publicApi */
export interface Histogram {
  observe(value: number): void;
}

/** Value of one time series of a gauge. @publicApi */
export interface GaugeReading {
  readonly labels: Labels;
  readonly value: number;
}

/** @publicApi */
export interface MetricOptions {
  /** Prometheus name with its unit as suffix, such as `http_server_request_duration_seconds`. */
  name: string;
  help: string;
  labelNames?: readonly string[];
}

/** Returns the time series of one metric. Keep a returned series if there are few label values: the look-up is slow. @publicApi */
export interface MetricFamily<T> {
  labels(labels: Labels): T;
}

/**
 * Port through which modules report metrics. ObservabilityModule provides Prometheus metrics. Without
 * ObservabilityModule, {@link NoMetrics} is used, so that modules need not check whether metrics are enabled.
 *
 * @publicApi
 */
export abstract class Metrics {
  abstract counter(options: MetricOptions): MetricFamily<Counter>;
  abstract histogram(options: MetricOptions & { buckets: readonly number[] }): MetricFamily<Histogram>;
  /** Registers a gauge. `read` is called at each scrape. */
  abstract gauge(options: MetricOptions, read: () => number | Promise<number>): void;
  /** Registers a gauge with several time series. `read` is called at each scrape. */
  abstract gauges(options: MetricOptions, read: () => readonly GaugeReading[]): void;
}

const noopFamily = { labels: () => ({ add: () => undefined, observe: () => undefined }) };

/** Discards all metrics. */
export class NoMetrics extends Metrics {
  counter(): MetricFamily<Counter> {
    return noopFamily;
  }
  histogram(): MetricFamily<Histogram> {
    return noopFamily;
  }
  gauge(): void {}
  gauges(): void {}
}
