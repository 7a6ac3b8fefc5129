import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '../harness/child.js';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';

const SLOW_CLIENTS = 10_000;
const HEALTHY_CLIENTS = 10;
const PAUSE_MS = 5;
const START_TIMEOUT_MS = 60_000;

/** Time of each healthy request, in milliseconds. */
async function healthy(port: number, seconds: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: HEALTHY_CLIENTS });
  const taken: number[] = [];
  const end = performance.now() + seconds * 1_000;
  const client = async () => {
    while (performance.now() < end) {
      const began = performance.now();
      await new Promise<void>((resolve, reject) => {
        request({ port, host: '127.0.0.1', path: '/livez', agent }, (answer) => {
          if (answer.statusCode !== 200) reject(new Error(`a healthy request got ${answer.statusCode}`));
          answer.resume().on('end', resolve);
        })
          .on('error', reject)
          .end();
      });
      taken.push(performance.now() - began);
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: HEALTHY_CLIENTS }, client));
  agent.destroy();
  return taken.toSorted((a, b) => a - b);
}

const ms = (sorted: number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)].toFixed(2);

async function openSlowClients(port: number): Promise<ChildProcess> {
  const entry = fileURLToPath(new URL('../harness/slow-clients.js', import.meta.url));
  const clients = fork(entry, [String(port), String(SLOW_CLIENTS)]);
  // The slow clients get a low priority. Otherwise they would use the core of the healthy clients.
  if (clients.pid !== undefined) setPriority(clients.pid, constants.priority.PRIORITY_LOW);
  await once(clients, 'message');
  await sleep(2_000);
  return clients;
}

async function measure(adapter: string, { seconds, warmupSeconds }: RunOptions): Promise<Row[]> {
  const env = { HTTP_ADAPTER: adapter, JWT_SECRET: 'Zk3q9VxTz7RmW2yLcB8nHd5pJfGa4eUo6iKxSqYrTuQe1w0b' };
  const server = new Child(`nest-bulwark on ${adapter}`, new URL('../servers/bulwark.js', import.meta.url), 0, env);
  let slow: ChildProcess | undefined;
  try {
    const { port } = await server.receive('ready', START_TIMEOUT_MS);
    await healthy(port, warmupSeconds);
    const quiet = await healthy(port, seconds);
    slow = await openSlowClients(port);
    const besieged = await healthy(port, seconds);
    const counted = once(slow, 'message') as Promise<[number]>;
    slow.send('count');
    const [open] = await counted;
    const ratio = Number(ms(besieged, 0.99)) / Number(ms(quiet, 0.99));
    return [
      {
        adapter,
        'slow clients': 0,
        requests: quiet.length,
        'p50 ms': ms(quiet, 0.5),
        'p99 ms': ms(quiet, 0.99),
        'p99 ratio': '1.00',
      },
      {
        adapter,
        'slow clients': open,
        requests: besieged.length,
        'p50 ms': ms(besieged, 0.5),
        'p99 ms': ms(besieged, 0.99),
        'p99 ratio': ratio.toFixed(2),
      },
    ];
  } finally {
    slow?.kill('SIGKILL');
    await server.stop();
  }
}

export const slowClients: MicroScenario = {
  kind: 'micro',
  name: 'slow-clients',
  description: `Normal requests to \`/livez\` beside ${SLOW_CLIENTS} connections that send one byte every 5 s, half of them in the headers and half in the body.`,
  packages: ['@nestjs/core', 'express', 'fastify'],
  notes: [
    `${HEALTHY_CLIENTS} normal clients over keep-alive connections, each with a pause of ${PAUSE_MS} ms between two requests.`,
    'A slow client whose connection was closed opens another one. The slow clients run at the lowest priority, so that they do not delay the normal clients on the same machine.',
    'Needs a limit of 11,000 open files (`ulimit -n`).',
  ],
  run: async (options) => [...(await measure('fastify', options)), ...(await measure('express', options))],
};
