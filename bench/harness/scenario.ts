/** One HTTP request. `body` is sent unchanged. */
export interface BenchRequest {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** A correct response. It is checked before and after each measurement, outside the timed window. */
export interface Expectation {
  status: number;
  /** The parsed JSON body, compared deeply. */
  body?: unknown;
  /** Names of headers that must be present. */
  headers?: string[];
}

export interface BenchServer {
  name: string;
  /** The compiled module that calls `serve()`; `new URL('../servers/x.js', import.meta.url)`. */
  entry: URL;
  env?: Record<string, string>;
  /**
   * The requests of the load, distributed over the connections. Each connection repeats its own requests.
   * Several requests represent several clients.
   */
  requests: BenchRequest[];
  expect: Expectation;
  /** Additional requests that verify what the server is compared for, such as a refusal. */
  probes?: { request: BenchRequest; expect: Expectation }[];
}

interface Described {
  /** Used on the command line and as the section's marker in RESULTS.md. */
  name: string;
  description: string;
  /** npm packages. Their installed versions are printed with the figures. */
  packages?: string[];
  /** Notes that a reader needs to understand the table. */
  notes?: string[];
}

/** Servers under load. One of them is the baseline of the comparison. */
export interface HttpScenario extends Described {
  kind: 'http';
  servers: BenchServer[];
  /** Name of the server that is the baseline of the ratios, or one such name for each server. */
  baseline: string | ((server: BenchServer) => string);
}

/** Code that is timed in this process. The keys of the first row are the columns of the table. */
export interface MicroScenario extends Described {
  kind: 'micro';
  run(options: RunOptions): Promise<Row[]>;
}

export type Scenario = HttpScenario | MicroScenario;

export type Row = Record<string, string | number>;

export interface RunOptions {
  rounds: number;
  /** Length of one measurement. */
  seconds: number;
  /** Load before each measurement, not counted. */
  warmupSeconds: number;
  connections: number;
  /** Measure only servers whose name contains one of these; empty means all. */
  servers: string[];
}
