import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Client, type ClientConfig } from 'pg';
import type { DatabaseSettings } from './database.options.js';

/**
 * The database did not answer within the start timeout, or answered that waiting is of no use.
 *
 * @publicApi
 */
export class DatabaseUnavailableError extends Error {
  /** `EX_UNAVAILABLE` of sysexits.h. */
  readonly exitCode = 69;

  constructor(what: string, remedy: string, cause: unknown) {
    super(`${what}: ${reasonOf(cause)}.\n  → ${remedy}`, { cause });
    this.name = 'DatabaseUnavailableError';
  }
}

const ASK_URL = 'check that it runs and that DATABASE_URL is right';
const ASK_LOGIN = 'check the user, the password and the database in DATABASE_URL, and what the user may do';
const ASK_TLS =
  'check sslmode in DATABASE_URL, that its host is one the certificate names, and that sslrootcert is the ' +
  'certificate of the authority that signed it';

/** Errors that waiting would not mend, by code: those of a database that answers, and those of its certificate. */
const PERMANENT: Readonly<Record<string, string>> = {
  '28P01': ASK_LOGIN,
  '28000': ASK_LOGIN,
  '3D000': ASK_LOGIN,
  '42501': ASK_LOGIN,
  SELF_SIGNED_CERT_IN_CHAIN: ASK_TLS,
  DEPTH_ZERO_SELF_SIGNED_CERT: ASK_TLS,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ASK_TLS,
  UNABLE_TO_GET_ISSUER_CERT: ASK_TLS,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ASK_TLS,
  CERT_SIGNATURE_FAILURE: ASK_TLS,
  CERT_HAS_EXPIRED: ASK_TLS,
  ERR_TLS_CERT_ALTNAME_INVALID: ASK_TLS,
};

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 3_000;
/** What the last try gets of the start timeout, at least. */
const LAST_TRY_MS = 250;

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
  const address = addressOf(url);
  const deadline = performance.now() + settings.startTimeoutMs;
  let timeouts: ServerTimeouts = {
    statement_timeout: settings.statementTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
  };
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      const limitMs = Math.min(settings.connectTimeoutMs, Math.max(deadline - performance.now(), LAST_TRY_MS));
      const unlimited = await connectOnce(url, settings, timeouts, Math.ceil(limitMs));
      if (unlimited.length > 0) logger.warn(advice(unlimited, settings));
      return timeouts;
    } catch (error) {
      if (reasonOf(error).includes('unsupported startup parameter') && Object.keys(timeouts).length > 0) {
        timeouts = {};
        continue;
      }
      const remedy = remedyIfPermanent(error);
      if (remedy !== undefined) {
        throw new DatabaseUnavailableError(`The database at ${address} cannot be used`, remedy, error);
      }
      const leftMs = deadline - performance.now() - LAST_TRY_MS;
      if (leftMs <= 0) {
        throw new DatabaseUnavailableError(
          `The database at ${address} could not be reached within ${settings.startTimeoutMs / 1000} s`,
          `${ASK_URL}; DATABASE_START_TIMEOUT sets how long a start waits`,
          error,
        );
      }
      const nextMs = Math.ceil(Math.min(pauseMs, leftMs));
      logger.warn(`The database at ${address} cannot be reached (${reasonOf(error)}); next try in ${nextMs} ms`);
      await sleep(nextMs);
    }
  }
}

/** One connection, opened and closed. Tells which time limits are not in force on it although they were wanted. */
async function connectOnce(
  url: string,
  settings: DatabaseSettings,
  timeouts: ServerTimeouts,
  limitMs: number,
): Promise<string[]> {
  const client = new Client({
    connectionString: url,
    application_name: settings.applicationName,
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
    ...timeouts,
  });
  // A connection that breaks while it is being closed has nobody else to tell.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      `SELECT name FROM pg_settings WHERE setting = '0' AND
        (name = 'statement_timeout' AND $1 > 0 OR name = 'idle_in_transaction_session_timeout' AND $2 > 0)
        ORDER BY name DESC`,
      [settings.statementTimeoutMs, settings.idleInTransactionTimeoutMs],
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function advice(unlimited: string[], settings: DatabaseSettings): string {
  const wanted: Record<string, number> = {
    statement_timeout: settings.statementTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
  };
  const statements = unlimited.map((name) => `ALTER ROLE … SET ${name} = ${wanted[name]}`);
  return (
    `The pooler in front of the database does not pass on ${unlimited.join(' and ')}, and no limit is in force. ` +
    `Set it for the role instead: ${statements.join('; ')}`
  );
}

function remedyIfPermanent(error: unknown): string | undefined {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (PERMANENT[code] !== undefined) return PERMANENT[code];
  // A file that sslrootcert, sslcert or sslkey names. A socket that is missing comes with another call, connect.
  if (syscall === 'open') return 'check the files that DATABASE_URL names';
  return reasonOf(error).includes('does not support SSL') ? ASK_TLS : undefined;
}

/** Host, port and database of a URL, without user and password. */
function addressOf(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL';
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

function reasonOf(error: unknown): string {
  // What a host name with several addresses fails with: one error for each.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}
