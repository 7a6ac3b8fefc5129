import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { Dice, RequestFuzzer } from '../support/fuzz.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { amountOf, isLongRun } from '../support/long-form.js';
import { until } from '../support/until.js';

/** Each adapter receives half of them. */
const REQUESTS = amountOf('FUZZ_REQUESTS', { short: 10_000, long: 100_000 }) / 2;
/** The long form uses a new seed each time, and prints it in the name of the test. */
const SEED = Number(process.env['FUZZ_SEED'] ?? (isLongRun() ? randomInt(2 ** 31) : 20_261_121));

const PER_CONNECTION = 20;
const CONNECTIONS = 16;
/** A connection that is still open after this time counts as blocked. */
const PATIENCE_MS = 20_000;
/** The server correctly waits for the end of an incomplete request until its timeout. */
const BROKEN_PATIENCE_MS = 200;
/** The maximum growth of the heap between one third of the requests and the end. */
const GROWTH_BYTES = 24 * 1_048_576;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Exchange {
  sent: string;
  received: string;
  hung: boolean;
}

onBothAdapters(`${REQUESTS} generated requests (seed ${SEED})`, (adapter) => {
  it(
    'cause no error, no crash, no blocked connection and no memory leak',
    { tags: 'long', timeout: 300_000 + REQUESTS * 20 },
    async () => {
      // The self-tests take seconds each, and their progress is an endless stream.
      const env = { PRODUCTION_TEST_ENABLED: 'false', CORS_ORIGINS: 'https://app.example' };
      const app = await TestApp.start({ HTTP_ADAPTER: adapter, ...env });
      try {
        const paths = [...Object.keys((await app.get('/docs/openapi.json')).body.paths), '/', '/docs', '/metrics'];
        const fuzzer = new RequestFuzzer(new Dice(SEED), paths);
        const statuses = new Map<string, number>();
        const wrong: Exchange[] = [];
        let left = Math.ceil(REQUESTS / PER_CONNECTION);
        let heapThen = 0;
        const third = Math.ceil((left * 2) / 3);

        const worker = async () => {
          while (left > 0) {
            if (left-- === third) heapThen = heapUsed(app);
            const exchange = await send(app.baseUrl, fuzzer.connection(PER_CONNECTION));
            const answers = statusesOf(exchange.received);
            for (const status of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
            if (exchange.hung || answers.some((status) => status.startsWith('5') && status !== '503'))
              wrong.push(exchange);
          }
        };
        await Promise.all(Array.from({ length: CONNECTIONS }, worker));

        const failures = app.logs.filter(({ level }) => level === 'error' || level === 'fatal');
        expect({ wrong: wrong.slice(0, 3), failures: failures.slice(0, 3) }).toEqual({ wrong: [], failures: [] });
        const answered = [...statuses.values()].reduce((sum, count) => sum + count, 0);
        if (isLongRun()) report(adapter, answered, statuses, heapUsed(app) - heapThen);
        // An ambiguous request closes its connection, so the requests after it get no answer.
        expect(answered).toBeGreaterThan(REQUESTS / 2);
        // Some requests succeed, and the others are refused for a known reason.
        expect([...statuses.keys()]).toEqual(expect.arrayContaining(['200', '400', '401', '404', '405', '415']));
        expect((await app.get('/livez')).status).toBe(200);
        expect(heapUsed(app) - heapThen).toBeLessThan(GROWTH_BYTES);
        app.close();
        await until('no connection is left behind', async () => (await app.connections()) === 0);
      } finally {
        await app.stop();
      }
    },
  );
});

function report(adapter: string, answered: number, statuses: ReadonlyMap<string, number>, growth: number): void {
  const counts = [...statuses].map(([status, count]) => `${status}: ${count}`).toSorted();
  process.stdout.write(
    `${adapter}: ${answered} answers (${counts.join(', ')}), heap ${Math.round(growth / 1024)} kB\n`,
  );
}

function heapUsed(app: TestApp): number {
  // The test itself stores the log in memory.
  const errors = app.logs.filter(({ level }) => level === 'error' || level === 'fatal');
  app.logs.splice(0, app.logs.length, ...errors);
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

function send(baseUrl: string, { bytes, isWhole }: { bytes: Buffer; isWhole: boolean }): Promise<Exchange> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let hung = false;
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setTimeout(isWhole ? PATIENCE_MS : BROKEN_PATIENCE_MS, () => {
      hung = isWhole;
      socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A reset also closes the connection.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve({ sent: bytes.toString('latin1'), received: Buffer.concat(chunks).toString('latin1'), hung });
    });
  });
}

function statusesOf(wire: string): string[] {
  return [...wire.matchAll(/HTTP\/1\.1 (\d{3}) /g)]
    .map(([, status = '']) => status)
    .filter((status) => status !== '100');
}
