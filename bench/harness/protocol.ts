import type { BenchRequest } from './scenario.js';

/** Orders of the harness to a child. A server handles `cpu`, the load processes handle `load` and `paced`. */
export type Order = { type: 'cpu' } | ({ type: 'load' } & LoadJob) | ({ type: 'paced' } & PacedJob);

/** GET requests at a constant rate. */
export interface PacedJob {
  port: number;
  path: string;
  perSecond: number;
  seconds: number;
}

export interface LoadJob {
  port: number;
  connections: number;
  seconds: number;
  requests: BenchRequest[];
}

export interface LoadResult {
  seconds: number;
  /** Number of responses by status code. */
  statuses: Record<string, number>;
  /** Connection errors and timeouts. */
  errors: number;
  p99Ms: number;
  /** CPU time of the load process itself. */
  cpuMicros: number;
}

export type Answer =
  | { type: 'ready'; port: number }
  | { type: 'failed'; reason: string }
  | { type: 'cpu'; micros: number }
  | { type: 'load'; result: LoadResult }
  /** Times of requests, in microseconds. */
  | { type: 'paced'; times: number[] };

export function answer(message: Answer): void {
  process.send?.(message);
}

/** User and system CPU time of this process with all its threads. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
