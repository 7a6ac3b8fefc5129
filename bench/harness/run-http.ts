import { Child } from './child.js';
import { checkServer } from './check.js';
import type { LoadJob, LoadResult } from './protocol.js';
import type { BenchServer, HttpScenario, Row, RunOptions } from './scenario.js';

const SERVER_CORE = 0;
const LOAD_CORE = 1;
/** Long enough to create an embedded database. */
const START_TIMEOUT_MS = 60_000;
const CPU_TIMEOUT_MS = 10_000;

interface Measurement {
  requestsPerSecond: number;
  p99Ms: number;
  cpuMicrosPerRequest: number;
  /** CPU time divided by wall time. It is near 1 on the side that limits the speed. */
  serverBusy: number;
  loadBusy: number;
}

/** Measures every server once per round. The order rotates, so that drift of the machine affects all equally. */
export async function runHttp(scenario: HttpScenario, options: RunOptions): Promise<Row[]> {
  const servers = chosen(scenario, options.servers);
  for (const server of servers) await withServer(server, async () => {});

  const rounds: Map<BenchServer, Measurement>[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const measured = new Map<BenchServer, Measurement>();
    const first = round % servers.length;
    for (const server of [...servers.slice(first), ...servers.slice(0, first)]) {
      const result = await measure(server, options);
      measured.set(server, result);
      console.log(
        `  round ${round + 1}  ${server.name}: ${result.requestsPerSecond.toFixed(0)} req/s, ${result.cpuMicrosPerRequest.toFixed(0)} µs CPU`,
      );
    }
    rounds.push(measured);
  }

  const { baseline } = scenario;
  const nameFor = typeof baseline === 'string' ? () => baseline : baseline;
  return servers.map((server) => {
    const reference = servers.find(({ name }) => name === nameFor(server));
    return row(server, reference, rounds);
  });
}

function chosen(scenario: HttpScenario, wanted: string[]): BenchServer[] {
  const matches = (server: BenchServer) => wanted.length === 0 || wanted.some((part) => server.name.includes(part));
  const servers = scenario.servers.filter(matches);
  if (servers.length === 0) throw new Error(`${scenario.name}: no server's name contains ${wanted.join(' or ')}`);
  return servers;
}

/** A new process for each run, so that timers or memory of one run do not slow down the next. */
async function withServer<T>(server: BenchServer, work: (child: Child, port: number) => Promise<T>): Promise<T> {
  const child = new Child(server.name, server.entry, SERVER_CORE, server.env);
  try {
    const { port } = await child.receive('ready', START_TIMEOUT_MS);
    await checkServer(server, port);
    const result = await work(child, port);
    await checkServer(server, port);
    return result;
  } finally {
    await child.stop();
  }
}

async function measure(server: BenchServer, options: RunOptions): Promise<Measurement> {
  const { connections, seconds, warmupSeconds } = options;
  return withServer(server, async (child, port) => {
    const load = new Child('load generator', new URL('./load.js', import.meta.url), LOAD_CORE);
    try {
      const job = { port, connections, requests: server.requests };
      await runLoad(load, server, { ...job, seconds: warmupSeconds });
      const before = await child.ask({ type: 'cpu' }, 'cpu', CPU_TIMEOUT_MS);
      const result = await runLoad(load, server, { ...job, seconds });
      const after = await child.ask({ type: 'cpu' }, 'cpu', CPU_TIMEOUT_MS);

      const requests = result.statuses[server.expect.status];
      const serverMicros = after.micros - before.micros;
      return {
        requestsPerSecond: requests / result.seconds,
        p99Ms: result.p99Ms,
        cpuMicrosPerRequest: serverMicros / requests,
        serverBusy: serverMicros / 1e6 / result.seconds,
        loadBusy: result.cpuMicros / 1e6 / result.seconds,
      };
    } finally {
      await load.stop();
    }
  });
}

async function runLoad(load: Child, server: BenchServer, job: LoadJob): Promise<LoadResult> {
  const { result } = await load.ask({ type: 'load', ...job }, 'load', job.seconds * 1000 + 30_000);
  const { [server.expect.status]: expected = 0, ...others } = result.statuses;
  if (expected === 0 || result.errors > 0 || Object.keys(others).length > 0) {
    throw new Error(
      `'${server.name}' under load: statuses ${JSON.stringify(result.statuses)}, ${result.errors} connection errors; ` +
        `expected nothing but ${server.expect.status}`,
    );
  }
  return result;
}

function row(server: BenchServer, baseline: BenchServer | undefined, rounds: Map<BenchServer, Measurement>[]): Row {
  const all = (of: BenchServer, figure: keyof Measurement) =>
    rounds.flatMap((measured) => measured.get(of)?.[figure] ?? []);
  const own = (figure: keyof Measurement) => all(server, figure);
  // Each round is compared with the baseline of the same round. The result is the median of these ratios.
  const ratio = (figure: keyof Measurement) => {
    if (!baseline) return '–';
    const base = all(baseline, figure);
    return median(own(figure).map((value, round) => value / base[round])).toFixed(2);
  };
  const rates = own('requestsPerSecond');
  return {
    server: server.name,
    'req/s': Math.round(median(rates)),
    'min–max': `${Math.round(Math.min(...rates))}–${Math.round(Math.max(...rates))}`,
    'req/s ratio': ratio('requestsPerSecond'),
    'p99 ms': median(own('p99Ms')),
    'CPU µs/req': Math.round(median(own('cpuMicrosPerRequest'))),
    'CPU ratio': ratio('cpuMicrosPerRequest'),
    'server busy': percent(median(own('serverBusy'))),
    'load busy': percent(median(own('loadBusy'))),
  };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
