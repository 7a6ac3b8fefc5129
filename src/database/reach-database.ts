import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Client, type ClientConfig } from 'pg';
import type { DatabaseSettings } from './database.options.js';

/**
 * The database did not answer within the start timeout.
 *
 * @publicApi
 */
export class DatabaseUnavailableError extends Error {
  /** `EX_UNAVAILABLE` of sysexits.h. */
  readonly exitCode = 69;

  constructor(address: string, waitedMs: number, cause: unknown) {
    super(
      `The database at ${address} could not be used within ${Math.round(waitedMs / 1000)} s: ${reason(cause)}.\n` +
        '  → check that it runs and that DATABASE_URL is right; DATABASE_START_TIMEOUT sets how long a start waits',
      { cause },
    );
    this.name = 'DatabaseUnavailableError';
  }
}

/** Errors of a database that answers: waiting would not mend them. */
const PERMANENT = new Set(['28P01', '28000', '3D000', '42501']);

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3_000;

/** Settings that the server is asked for in the start-up packet of a connection. */
export type ServerTimeouts = Pick<ClientConfig, 'statement_timeout' | 'idle_in_transaction_session_timeout'>;

/**
 * Waits until the database accepts a connection, pausing longer from try to try.
 *
 * Answers with the time limits that connections may ask for: none behind a PgBouncer that refuses start-up parameters,
 * where a `SET` would be no remedy, since in transaction mode it would stick to a connection shared with others.
 *
 * @throws DatabaseUnavailableError when the start timeout has passed, or at once where waiting cannot help
 */
export async function reachDatabase(url: string, settings: DatabaseSettings): Promise<ServerTimeouts> {
  const logger = new Logger('Database');
  const started = performance.now();
  let timeouts: ServerTimeouts = {
    statement_timeout: settings.statementTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
  };
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      await connectOnce(url, settings, timeouts);
      return timeouts;
    } catch (error) {
      if (reason(error).includes('unsupported startup parameter') && Object.keys(timeouts).length > 0) {
        timeouts = {};
        logger.warn(
          'The pooler in front of the database refuses statement_timeout at connection start. Set it for the role: ' +
            `ALTER ROLE … SET statement_timeout = ${settings.statementTimeoutMs}, and idle_in_transaction_session_timeout alike`,
        );
        continue;
      }
      const waitedMs = performance.now() - started;
      const isPermanent = PERMANENT.has((error as { code?: string }).code ?? '');
      if (isPermanent || waitedMs + pauseMs > settings.startTimeoutMs) {
        throw new DatabaseUnavailableError(addressOf(url), waitedMs, error);
      }
      logger.warn(`The database at ${addressOf(url)} does not answer (${reason(error)}); next try in ${pauseMs} ms`);
      await sleep(pauseMs);
    }
  }
}

async function connectOnce(url: string, settings: DatabaseSettings, timeouts: ServerTimeouts): Promise<void> {
  const client = new Client({
    connectionString: url,
    application_name: settings.applicationName,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    query_timeout: settings.connectTimeoutMs,
    ...timeouts,
  });
  // A connection that breaks while it is being closed has nobody else to tell.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Host, port and database of a URL, without user and password. */
function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}
