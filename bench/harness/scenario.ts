/** One HTTP request; `body` is sent as given. */
export interface BenchRequest {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** What a correct answer looks like. Checked before and after each measurement, outside the timed window. */
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
   * The requests of the load, shared out over the connections; each connection repeats its own.
   * Several of them stand for several clients.
   */
  requests: BenchRequest[];
  expect: Expectation;
  /** Further single requests whose answers show that the server does what it is compared for, such as a refusal. */
  probes?: { request: BenchRequest; expect: Expectation }[];
}

interface Described {
  /** Used on the command line and as the section's marker in RESULTS.md. */
  name: string;
  description: string;
  /** npm packages whose installed versions belong beside the figures. */
  packages?: string[];
  /** What a reader must know to read the table rightly. */
  notes?: string[];
}

/** Servers under load, compared with one of them. */
export interface HttpScenario extends Described {
  kind: 'http';
  servers: BenchServer[];
  /** Name of the server that the ratios refer to, or that those of each server do. */
  baseline: string | ((server: BenchServer) => string);
}

/** Code timed inside this process. The keys of the first row are the table's columns. */
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
