// autocannon ships no types; these are the parts the load process uses.
declare module 'autocannon' {
  export interface Request {
    method: string;
    path: string;
    headers: Record<string, string>;
    body?: string;
  }
  export interface Client {
    setRequests(requests: Request[]): void;
  }
  export interface Options {
    url: string;
    connections: number;
    /** Seconds. */
    duration: number;
    setupClient?: (client: Client) => void;
  }
  export interface Result {
    /** Seconds, measured. */
    duration: number;
    errors: number;
    timeouts: number;
    statusCodeStats: Record<string, { count: number }>;
    /** Milliseconds, whole numbers. */
    latency: { p99: number };
  }
  /** A run: a promise of its result, which also emits an event for each response. */
  export interface Run extends Promise<Result> {
    on(event: 'response', listener: (client: Client, status: number, bytes: number, latencyMs: number) => void): this;
    on(event: 'reqError', listener: (error: Error) => void): this;
  }
  export default function autocannon(options: Options): Run;
}
