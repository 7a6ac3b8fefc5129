import { Child } from '../harness/child.js';
import { percentile } from '../harness/client.js';
import type { Row } from '../harness/scenario.js';

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const START_TIMEOUT_MS = 60_000;
const WARM_UP_WINDOWS = 4;
export const REQUESTS_PER_SECOND = 1_000;
export const WINDOW_SECONDS = 1;
/** Number of windows of each kind in a round. */
export const WINDOWS = 6;

/**
 * The latency that an event adds to a request. Each window with events is between two windows without events, so that
 * drift of the machine affects both equally. The windows without events differ by the measurement error.
 */
export async function addedLatency(databaseUrl: string, rounds: number): Promise<Row[]> {
  const entry = new URL('../servers/audited.js', import.meta.url);
  const server = new Child('audited', entry, SERVER_CORE, { DATABASE_URL: databaseUrl });
  const load = new Child('paced load', new URL('../harness/paced.js', import.meta.url), LOAD_CORE);
  try {
    const { port } = await server.receive('ready', START_TIMEOUT_MS);
    const window = async (path: string): Promise<number[]> => {
      const job = { port, path, perSecond: REQUESTS_PER_SECOND, seconds: WINDOW_SECONDS };
      return (await load.ask({ type: 'paced', ...job }, 'paced', WINDOW_SECONDS * 1000 + 30_000)).times;
    };
    for (let i = 0; i < WARM_UP_WINDOWS; i++) await window(i % 2 === 0 ? '/bench/silent' : '/bench/recorded');
    const times = { before: [] as number[], withEvent: [] as number[], after: [] as number[] };
    for (let i = 0; i < rounds * WINDOWS; i++) {
      times.before.push(...(await window('/bench/silent')));
      times.withEvent.push(...(await window('/bench/recorded')));
      times.after.push(...(await window('/bench/silent')));
    }
    return [0.5, 0.99].map((share) => row(share, times));
  } finally {
    await Promise.all([server.stop(), load.stop()]);
  }
}

function row(share: number, { before, withEvent, after }: Record<'before' | 'withEvent' | 'after', number[]>): Row {
  const ms = (times: number[]) => percentile(times, share) / 1000;
  const [without, recorded] = [ms([...before, ...after]), ms(withEvent)];
  const noise = Math.abs(ms(before) - ms(after)).toFixed(3);
  const added = recorded - without;
  return {
    what: `a route, p${share * 100}`,
    'events/s': '',
    'CPU µs/event': '',
    'of naive': '',
    note: `${without.toFixed(3)} ms without, ${recorded.toFixed(3)} ms with an event: ${added < 0 ? '' : '+'}${added.toFixed(3)} ms (± ${noise})`,
  };
}
