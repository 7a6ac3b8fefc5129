import { randomUUID } from 'node:crypto';
import { Child } from '../harness/child.js';
import { percentile, TimingClient } from '../harness/client.js';
import type { MicroScenario, Row } from '../harness/scenario.js';

const SAMPLES = 2_000;
/** A low cost, so that a time difference is large compared with the hashing time. */
const COST = 4;
const START_TIMEOUT_MS = 60_000;
const KNOWN = 'user-known@example.com';
const PASSWORD = 'correct horse battery';

interface Route {
  readonly path: string;
  body(email: string): object;
  /** The status for both known and unknown addresses. */
  readonly status: number;
}

const LOGIN: Route = { path: '/auth/login', status: 401, body: (email) => ({ email, password: 'a wrong password' }) };
const ROUTES: Route[] = [
  LOGIN,
  { path: '/auth/forgot-password', status: 202, body: (email) => ({ email }) },
  { path: '/auth/register', status: 202, body: (email) => ({ email, password: PASSWORD, name: 'Some One' }) },
];

/** Sends one request after another, with known and unknown addresses in random order. */
async function sampled(client: TimingClient, route: Route): Promise<{ known: number[]; unknown: number[] }> {
  const times = { known: [] as number[], unknown: [] as number[] };
  const order = Array.from({ length: 2 * SAMPLES }, (_, i) => (i % 2 ? 'known' : 'unknown') as keyof typeof times);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  for (const kind of order) {
    // It has the same length as the known address.
    const email = kind === 'known' ? KNOWN : `${randomUUID().slice(0, 10)}@example.com`;
    const { status, milliseconds } = await client.send('POST', route.path, route.body(email));
    if (status !== route.status) throw new Error(`${route.path} answered ${status} instead of ${route.status}`);
    times[kind].push(milliseconds);
  }
  return times;
}

/** Share of pairs in which the known address takes longer (Mann-Whitney, by ranks). Ties count half. */
export function areaUnderCurve(known: number[], unknown: number[]): number {
  const all = [...known.map((time) => ({ time, isKnown: true })), ...unknown.map((time) => ({ time, isKnown: false }))];
  all.sort((a, b) => a.time - b.time);
  let rankSum = 0;
  for (let start = 0; start < all.length;) {
    let end = start;
    while (end < all.length && all[end].time === all[start].time) end++;
    const rank = (start + 1 + end) / 2;
    rankSum += rank * all.slice(start, end).filter(({ isKnown }) => isKnown).length;
    start = end;
  }
  return (rankSum - (known.length * (known.length + 1)) / 2) / (known.length * unknown.length);
}

/** Half the width of the 95 % interval if there is no difference. */
const MARGIN = 1.96 * Math.sqrt((2 * SAMPLES + 1) / (12 * SAMPLES * SAMPLES));

async function measure(server: string, routes: Route[]): Promise<Row[]> {
  const env = { SERVER: server, BCRYPT_COST: String(COST), AUTH_REGISTRATION: 'silent' };
  const child = new Child(server, new URL('../servers/logins.js', import.meta.url), 0, env);
  const rows: Row[] = [];
  try {
    const { port } = await child.receive('ready', START_TIMEOUT_MS);
    const client = new TimingClient(port);
    if (server !== 'stock') {
      await client.send('POST', '/auth/register', { email: KNOWN, password: PASSWORD, name: 'Known' });
    }
    for (const route of routes) {
      for (let i = 0; i < 200; i++) await client.send('POST', route.path, route.body(KNOWN));
      const { known, unknown } = await sampled(client, route);
      const auc = areaUnderCurve(known, unknown);
      console.log(`  ${server} ${route.path}: ${auc.toFixed(3)}`);
      rows.push({
        server,
        route: route.path,
        AUC: Math.max(auc, 1 - auc).toFixed(3),
        '95 % ±': MARGIN.toFixed(3),
        'known p50 ms': percentile(known, 0.5).toFixed(2),
        'unknown p50 ms': percentile(unknown, 0.5).toFixed(2),
      });
    }
    client.close();
    return rows;
  } finally {
    await child.stop();
  }
}

export const loginTiming: MicroScenario = {
  kind: 'micro',
  name: 'login-timing',
  description: `How well the response time distinguishes a known address from an unknown one: area under the ROC curve over ${SAMPLES} responses to each. 0.5 means not at all, 1 means always.`,
  packages: ['@nestjs/core', 'bcrypt', 'fastify'],
  notes: [
    `bcrypt at cost ${COST}, so that hashing hides as little as possible. One request at a time from the same machine; no attacker has such conditions.`,
    'stock: a login that reads the user first, and compares the password only if the user exists.',
    '`/auth/register` is in its silent form (`AUTH_REGISTRATION=silent`). `/auth/reset-password` takes a token and no address.',
  ],
  run: async () => [...(await measure('stock', [LOGIN])), ...(await measure('nest-bulwark', ROUTES))],
};
