import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../harness/child.js';
import { percentile, TimingClient } from '../harness/client.js';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';

const COST = 12;
const START_TIMEOUT_MS = 60_000;
/** Pause between two requests to one route. The other routes are in use, but not under load. */
const PAUSE_MS = 10;

const flood = {
  method: 'POST',
  path: '/auth/login',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ email: 'user1@example.com', password: 'a wrong password' }),
};

interface Neighbours {
  hello: number[];
  file: number[];
  delayMs: number;
}

/** Uses both cores, like a real server, because threads compute the hashes. The load shares the cores. */
const BOTH_CORES = '0-1';

async function visited(port: number, seconds: number): Promise<Neighbours> {
  const clients = { hello: new TimingClient(port), file: new TimingClient(port) };
  const control = new TimingClient(port);
  await control.send('GET', '/bench/delay');
  const end = performance.now() + seconds * 1000;
  const visit = async (route: 'hello' | 'file') => {
    const times: number[] = [];
    while (performance.now() < end) {
      const { status, milliseconds } = await clients[route].send('GET', `/bench/${route}`);
      if (status !== 200) throw new Error(`/bench/${route} answered ${status}`);
      times.push(milliseconds);
      await sleep(PAUSE_MS);
    }
    return times;
  };
  const [hello, file] = await Promise.all([visit('hello'), visit('file')]);
  const { p99 } = JSON.parse((await control.send('GET', '/bench/delay')).text) as { p99: number };
  for (const client of [control, clients.hello, clients.file]) client.close();
  return { hello, file, delayMs: p99 };
}

async function measure(server: string, { seconds, warmupSeconds, connections }: RunOptions): Promise<Row[]> {
  const env = { SERVER: server, BCRYPT_COST: String(COST) };
  const child = new Child(server, new URL('../servers/logins.js', import.meta.url), BOTH_CORES, env);
  const load = new Child('load generator', new URL('../harness/load.js', import.meta.url), BOTH_CORES);
  try {
    const { port } = await child.receive('ready', START_TIMEOUT_MS);
    await visited(port, warmupSeconds);
    const quiet = await visited(port, seconds);
    const job = { port, connections, seconds: seconds + warmupSeconds, requests: [flood] };
    const flooding = load.ask({ type: 'load', ...job }, 'load', job.seconds * 1000 + 60_000);
    await sleep(warmupSeconds * 1000);
    const flooded = await visited(port, seconds);
    const { statuses } = (await flooding).result;
    return [row(server, 'quiet', quiet), row(server, `${connections} connections log in`, flooded, statuses)];
  } finally {
    await Promise.all([child.stop(), load.stop()]);
  }
}

function row(server: string, when: string, { hello, file, delayMs }: Neighbours, statuses = {}): Row {
  const ms = (value: number) => value.toFixed(1);
  return {
    server,
    when,
    'file route p99 ms': ms(percentile(file, 0.99)),
    'other route p99 ms': ms(percentile(hello, 0.99)),
    'other route p50 ms': ms(percentile(hello, 0.5)),
    'event loop delay p99 ms': ms(delayMs),
    'answers to logins': Object.entries(statuses)
      .map(([status, count]) => `${String(count)} × ${status}`)
      .join(', '),
  };
}

export const loginFlood: MicroScenario = {
  kind: 'micro',
  name: 'login-flood',
  description: `A route that reads a file and one that does nothing, while connections flood the login with wrong passwords (bcrypt, cost ${COST}).`,
  packages: ['@nestjs/core', 'bcrypt', 'fastify', 'autocannon'],
  notes: [
    'stock: Nest on Fastify whose login calls `bcrypt.compare()`; nest-bulwark: the whole application, without its rate limits.',
    'Each of the two routes gets a request every 10 ms over its own connection. Server, load and clients share both cores.',
  ],
  run: async (options) => [...(await measure('stock', options)), ...(await measure('nest-bulwark', options))],
};
