import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Ports for servers of tests. They are below the range that the system uses for outgoing connections (32768 and up on
 * Linux). So no outgoing connection takes a port before its server starts, or while its server is down in a test. A
 * server of a Redis Cluster also uses the port that is 10,000 higher.
 */
const FIRST = 10_000;
/** Each worker has its own ports, so no other worker takes the port of a server that is down. */
const SHARES = 8;
const PORTS_OF_A_SHARE = 1_250;
const share = Number(process.env['VITEST_POOL_ID'] ?? 0) % SHARES;
/** Above the ports of the cluster buses. */
const FIRST_LASTING = 30_000;
const LASTING = 2_700;

/** A free port. */
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

/** Returns the same port for each call in one process, for a server that a test stops and starts again. */
export function lastingPort(): number {
  return FIRST_LASTING + (process.pid % LASTING);
}
