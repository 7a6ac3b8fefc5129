import autocannon from 'autocannon';
import type { LoadAccount } from './accounts.js';
import type { LoadScenario } from './scenarios.js';

/** One second of a run. Latencies are milliseconds. */
export interface Second {
  requests: number;
  failed: number;
  p50: number;
  p99: number;
}

export interface Measurement {
  scenario: string;
  connections: number;
  durationS: number;
  requests: number;
  /** Number of responses with a wrong status, and of requests without a response. */
  failed: number;
  statuses: Record<string, number>;
  rate: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
  seconds: Second[];
}

export interface MeasureOptions {
  connections: number;
  seconds: number;
  onSecond: (second: Second, elapsed: number) => void;
}

/** Runs the load of one scenario against the application at `url`. */
export async function measure(
  url: URL,
  scenario: LoadScenario,
  accounts: readonly LoadAccount[],
  { connections, seconds: duration, onSecond }: MeasureOptions,
): Promise<Measurement> {
  const all = new Latencies();
  const statuses: Record<string, number> = {};
  const seconds: Second[] = [];
  let current = new Latencies();
  let failed = 0;
  let failedNow = 0;
  let connection = 0;
  const started = performance.now();

  const endSecond = () => {
    const second = {
      requests: current.count,
      failed: failedNow,
      p50: current.quantile(0.5),
      p99: current.quantile(0.99),
    };
    seconds.push(second);
    onSecond(second, seconds.length);
    current = new Latencies();
    failedNow = 0;
  };
  const timer = setInterval(endSecond, 1_000);
  const fails = () => {
    failed += 1;
    failedNow += 1;
  };
  const run = autocannon({
    url: url.origin,
    connections,
    duration,
    setupClient: (client) => client.setRequests(scenario.requests(accounts, connection++)),
  });
  void run.on('response', (_client, status, _bytes, latencyMs) => {
    all.add(latencyMs);
    current.add(latencyMs);
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (!scenario.expected.includes(status)) fails();
  });
  void run.on('reqError', fails);
  await run;
  clearInterval(timer);
  // The rest is only a part of a second. It would look like a drop in speed.
  if (seconds.length === 0) endSecond();
  const durationS = (performance.now() - started) / 1_000;
  return {
    scenario: scenario.name,
    connections,
    durationS,
    requests: all.count,
    failed,
    statuses,
    rate: all.count / durationS,
    p50: all.quantile(0.5),
    p95: all.quantile(0.95),
    p99: all.quantile(0.99),
    max: all.quantile(1),
    seconds,
  };
}

/** A histogram with buckets that are 4 % wide. Half an hour of requests needs only a few kilobytes. */
class Latencies {
  count = 0;
  private readonly buckets = new Map<number, number>();
  private static readonly base = Math.log(1.04);

  add(ms: number): void {
    this.count += 1;
    const bucket = Math.ceil(Math.log(Math.max(ms, 0.01)) / Latencies.base);
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + 1);
  }

  /** Upper bound of the bucket that holds the quantile, in milliseconds. */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(q * this.count));
    for (const [bucket, count] of [...this.buckets].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.exp(bucket * Latencies.base);
    }
    return 0;
  }
}
