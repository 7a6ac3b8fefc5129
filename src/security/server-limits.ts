import type { Server } from 'node:http';

/** How long a client may take, milliseconds. @publicApi */
export interface ClientTimeouts {
  /** For the request line and the headers. @default 15000 */
  headersMs?: number;
  /** For a whole request. Fastify turns this off, and with it what holds off slow senders. @default 120000 */
  requestMs?: number;
  /** Idle between two requests: longer than the usual load balancers (60 s), lest they reuse a closed one. @default 72000 */
  keepAliveMs?: number;
  /**
   * How often connections are looked through for those that are late: the rarer, the more of them are answered and closed
   * in one go, and everybody else waits for that. @default 1000
   */
  checkMs?: number;
}

/**
 * Sets the timeouts that hold off slow clients (slowloris). Call it before the server listens: Node starts to look at its
 * connections then.
 *
 * @publicApi
 */
export function limitServer(
  server: Server,
  { headersMs = 15_000, requestMs = 120_000, keepAliveMs = 72_000, checkMs = 1_000 }: ClientTimeouts = {},
): void {
  Object.assign(server, {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: checkMs,
  });
}
