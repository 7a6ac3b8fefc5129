import { Child } from '../harness/child.js';
import type { Row } from '../harness/scenario.js';

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const START_TIMEOUT_MS = 60_000;
export const REQUESTS_PER_SECOND = 500;
export const WINDOW_SECONDS = 4;

type Times = Record<'p50' | 'p99', number>;

/** Compares each window with an event with the one without it right before or after, so that drift hits both. */
export async function addedLatency(databaseUrl: string, rounds: number): Promise<Row[]> {
  const server = new Child('audited', new URL('../servers/audited.js', import.meta.url), SERVER_CORE, {
    DATABASE_URL: databaseUrl,
  });
  const load = new Child('paced load', new URL('../harness/paced.js', import.meta.url), LOAD_CORE);
  try {
    const { port } = await server.receive('ready', START_TIMEOUT_MS);
    const window = (path: string): Promise<Times> => {
      const job = { port, path, perSecond: REQUESTS_PER_SECOND, seconds: WINDOW_SECONDS };
      return load.ask({ type: 'paced', ...job }, 'paced', WINDOW_SECONDS * 1000 + 30_000);
    };
    const pairs: { without: Times; withEvent: Times }[] = [];
    for (let round = 0; round <= rounds; round++) {
      const isEven = round % 2 === 0;
      const first = await window(isEven ? '/bench/silent' : '/bench/recorded');
      const second = await window(isEven ? '/bench/recorded' : '/bench/silent');
      // The first round warms up.
      if (round > 0) pairs.push(isEven ? { without: first, withEvent: second } : { without: second, withEvent: first });
    }
    return (['p50', 'p99'] as const).map((name) => {
      const ms = (of: (pair: (typeof pairs)[number]) => number) => (median(pairs.map(of)) / 1000).toFixed(3);
      const [without, withEvent] = [ms((pair) => pair.without[name]), ms((pair) => pair.withEvent[name])];
      const added = ms((pair) => pair.withEvent[name] - pair.without[name]);
      return {
        what: `a route, ${name}`,
        'events/s': '',
        'CPU µs/event': '',
        'of naive': '',
        note: `${without} ms without, ${withEvent} ms with an event: ${added.startsWith('-') ? '' : '+'}${added} ms`,
      };
    });
  } finally {
    await Promise.all([server.stop(), load.stop()]);
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
