import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Child } from '../harness/child.js';
import type { LoadResult } from '../harness/protocol.js';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';

const PORT = 3990;
const PROBE_CONNECTIONS = 20;
const READY_PROBES = 30;

interface Database {
  url: string;
  stop(): Promise<void>;
}

/** Loaded by URL, because the relative path differs before and after compilation. */
async function startDatabase(dataDir: string): Promise<Database> {
  const { EmbeddedPostgres } = (await import(pathToFileURL(resolve('dist/database/index.js')).href)) as {
    EmbeddedPostgres: { start(options: { dataDir: string }): Promise<Database> };
  };
  return EmbeddedPostgres.start({ dataDir });
}

async function startReplica(databaseUrl: string): Promise<ChildProcess> {
  const replica = spawn(process.execPath, ['test/fixtures/replica.mjs', 'bulwark'], {
    env: {
      ...process.env,
      PORT: String(PORT),
      DATABASE_URL: databaseUrl,
      JWT_SECRET: 'Zk3q9VxTz7RmW2yLcB8nHd5pJfGa4eUo6iKxSqYrTuQe1w0b',
      SHUTDOWN_DRAIN_DELAY: '0ms',
      LOG_LEVEL: 'fatal',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(replica.stdout, 'data');
  return replica;
}

/** Sends a signal to the database server and all its child processes. */
function signalDatabase(dataDir: string, signal: NodeJS.Signals): void {
  const [pid = ''] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', pid], { encoding: 'utf8' }).trim().split(/\s+/);
  for (const one of [pid, ...children]) process.kill(Number(one), signal);
}

const get = (path: string) => fetch(`http://127.0.0.1:${PORT}${path}`);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function untilReady(isWanted: boolean): Promise<void> {
  while ((await get('/health/ready')).ok !== isWanted) await sleep(10);
}

async function live({ seconds }: RunOptions): Promise<LoadResult> {
  const load = new Child('load', new URL('../harness/load.js', import.meta.url), 1);
  try {
    const requests = [{ method: 'GET', path: '/health/live' }];
    const job = { port: PORT, connections: PROBE_CONNECTIONS, seconds, requests };
    return (await load.ask({ type: 'load', ...job }, 'load', (seconds + 30) * 1000)).result;
  } finally {
    await load.stop();
  }
}

const ms = (value: number) => `${Math.round(value)} ms`;

export const outage: MicroScenario = {
  kind: 'micro',
  name: 'outage',
  description:
    'The application while its database hangs (SIGSTOP), after the database was killed and restarted, and during a shutdown.',
  notes: [
    `Liveness: ${PROBE_CONNECTIONS} connections, each sends the next request when it has a response. Readiness: ${READY_PROBES} probes, one after the other.`,
    'The time to exit is from the last byte of a slow response to the end of the process, with a drain delay of 0.',
  ],
  packages: ['@nestjs/core', 'fastify', 'pg'],
  async run(options: RunOptions): Promise<Row[]> {
    const dataDir = mkdtempSync(join(tmpdir(), 'bench-outage-'));
    let database = await startDatabase(dataDir);
    const replica = await startReplica(database.url);
    try {
      const rows: Row[] = [];
      const row = (what: string, value: string) => rows.push({ what, value });
      await live(options);
      row('liveness p99, database up', ms((await live(options)).p99Ms));

      signalDatabase(dataDir, 'SIGSTOP');
      await untilReady(false);
      row('liveness p99, database hung', ms((await live(options)).p99Ms));
      let slowest = 0;
      for (let i = 0; i < READY_PROBES; i++) slowest = Math.max(slowest, await timed(() => get('/health/ready')));
      row('slowest readiness response, database hung', ms(slowest));
      signalDatabase(dataDir, 'SIGCONT');
      row('ready again after the database continues', ms(await timed(() => untilReady(true))));

      signalDatabase(dataDir, 'SIGKILL');
      await untilReady(false);
      database = await startDatabase(dataDir);
      row('ready again after the database was killed and restarted', ms(await timed(() => untilReady(true))));

      const ended = once(replica, 'exit');
      const slow = get('/work/slow?ms=2000').then((response) => response.text());
      await sleep(200);
      replica.kill('SIGTERM');
      await slow;
      row('exit after the last response', ms(await timed(() => ended)));
      row('exit code', String(replica.exitCode));
      return rows;
    } finally {
      replica.kill('SIGKILL');
      await database.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};
