import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Ports that tests give away. They lie below the range from which the system gives ports to outgoing connections
 * (32768 and up on Linux), so that none of those takes one between its being found free and being used, or while its server
 * is down in a test. A server of a Redis Cluster takes the port 10,000 above as well.
 */
const FIRST = 10_000;
/** Each worker has ports of its own: what one leaves free while its server is down, no other takes. */
const SHARES = 8;
const PORTS_OF_A_SHARE = 1_250;
const share = Number(process.env['VITEST_POOL_ID'] ?? 0) % SHARES;
/** Above those of the cluster buses. */
const FIRST_LASTING = 30_000;
const LASTING = 2_700;

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + share * PORTS_OF_A_SHARE + randomInt(PORTS_OF_A_SHARE);
    if (await isFree(port)) return port;
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The same for each call in one process, for a server that a test stops and starts again. */
export function lastingPort(): number {
  return FIRST_LASTING + (process.pid % LASTING);
}
