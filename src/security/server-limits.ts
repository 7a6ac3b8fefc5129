import type { Server } from 'node:http';

/** Timeouts for clients, in milliseconds. @publicApi */
export interface ClientTimeouts {
  /** Time for the request line and the headers. @default 15000 */
  headersMs?: number;
  /** Time for a whole request. Fastify turns this timeout off, and then has no protection against slow clients. @default 120000 */
  requestMs?: number;
  /**
   * Idle time between two requests. It is longer than the idle time of common load balancers (60 s), so that they do not
   * reuse a closed connection. @default 72000
   */
  keepAliveMs?: number;
  /**
   * Interval of the timeout check. With a longer interval, more connections are closed in one check, and other requests
   * wait longer for it. @default 1000
   */
  checkIntervalMs?: number;
}

/**
 * Sets timeouts against slow clients (slowloris). Call it before the server listens, because Node starts the timeout check
 * then.
 *
 * @publicApi
 */
export function setServerTimeouts(
  server: Server,
  { headersMs = 15_000, requestMs = 120_000, keepAliveMs = 72_000, checkIntervalMs = 1_000 }: ClientTimeouts = {},
): void {
  Object.assign(server, {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: checkIntervalMs,
  });
}
