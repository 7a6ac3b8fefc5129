import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DatabaseClient } from './database-client.js';
import type { DatabaseSettings } from './database.options.js';

/**
 * The database did not answer within the start timeout, or it answered with a permanent error.
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

const CHECK_URL = 'check that it runs and that DATABASE_URL is right';
const CHECK_LOGIN = 'check the user, the password and the database in DATABASE_URL, and what the user may do';
const CHECK_TLS =
  'check sslmode in DATABASE_URL, that the certificate is valid for its host, and that sslrootcert is the ' +
  'certificate of the authority that signed it';

/** Remedies for permanent errors, by code: errors that the database returns, and errors of its certificate. */
const PERMANENT_ERROR_REMEDIES: Readonly<Record<string, string>> = {
  '28P01': CHECK_LOGIN,
  '28000': CHECK_LOGIN,
  '3D000': CHECK_LOGIN,
  '42501': CHECK_LOGIN,
  SELF_SIGNED_CERT_IN_CHAIN: CHECK_TLS,
  DEPTH_ZERO_SELF_SIGNED_CERT: CHECK_TLS,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CHECK_TLS,
  UNABLE_TO_GET_ISSUER_CERT: CHECK_TLS,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CHECK_TLS,
  CERT_SIGNATURE_FAILURE: CHECK_TLS,
  CERT_HAS_EXPIRED: CHECK_TLS,
  ERR_TLS_CERT_ALTNAME_INVALID: CHECK_TLS,
};

const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 3_000;
/** Minimum time for the last attempt, within the start timeout. */
const MIN_LAST_TRY_MS = 250;

/** Time limits that a client requests in the start-up packet of a connection. */
export interface ServerTimeouts {
  readonly statement_timeout?: number;
  readonly idle_in_transaction_session_timeout?: number;
}

/**
 * Waits until the database accepts a connection, with growing pauses between attempts.
 *
 * Returns the time limits that connections may request. There are none behind a PgBouncer that rejects start-up
 * parameters. `SET` is not an alternative: in transaction mode it would affect a server connection that others share.
 *
 * @throws DatabaseUnavailableError after the start timeout, or at once after a permanent error
 */
export async function reachDatabase(url: string, settings: DatabaseSettings): Promise<ServerTimeouts> {
  const logger = new Logger('Database');
  const address = addressOf(url);
  const deadline = performance.now() + settings.startTimeoutMs;
  let timeouts: ServerTimeouts = {
    statement_timeout: settings.statementTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
  };
  for (let pauseMs = MIN_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      const limitMs = Math.min(settings.connectTimeoutMs, Math.max(deadline - performance.now(), MIN_LAST_TRY_MS));
      const unlimited = await connectOnce(url, settings, timeouts, Math.ceil(limitMs));
      if (unlimited.length > 0) logger.warn(unlimitedWarning(unlimited, settings));
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
      const leftMs = deadline - performance.now() - MIN_LAST_TRY_MS;
      if (leftMs <= 0) {
        throw new DatabaseUnavailableError(
          `The database at ${address} could not be reached within ${settings.startTimeoutMs / 1000} s`,
          `${CHECK_URL}; DATABASE_START_TIMEOUT sets how long a start waits`,
          error,
        );
      }
      const nextMs = Math.ceil(Math.min(pauseMs, leftMs));
      logger.warn(`The database at ${address} cannot be reached (${reasonOf(error)}); next try in ${nextMs} ms`);
      await sleep(nextMs);
    }
  }
}

/** Opens and closes one connection. Returns the names of requested time limits that are not active on it. */
async function connectOnce(
  url: string,
  settings: DatabaseSettings,
  timeouts: ServerTimeouts,
  limitMs: number,
): Promise<string[]> {
  const client = new DatabaseClient({
    connectionString: url,
    application_name: settings.applicationName,
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
    ...timeouts,
  });
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

function unlimitedWarning(unlimited: string[], settings: DatabaseSettings): string {
  const wanted: Record<string, number> = {
    statement_timeout: settings.statementTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
  };
  const statements = unlimited.map((name) => `ALTER ROLE … SET ${name} = ${wanted[name]}`);
  return (
    `The pooler in front of the database does not pass on ${unlimited.join(' and ')}, and no limit is active. ` +
    `Set it for the role instead: ${statements.join('; ')}`
  );
}

function remedyIfPermanent(error: unknown): string | undefined {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (PERMANENT_ERROR_REMEDIES[code] !== undefined) return PERMANENT_ERROR_REMEDIES[code];
  // `open` means a file of sslrootcert, sslcert or sslkey. A missing socket has the system call `connect`.
  if (syscall === 'open') return 'check the files that DATABASE_URL names';
  return reasonOf(error).includes('does not support SSL') ? CHECK_TLS : undefined;
}

/** Host, port and database of a URL, without user and password. */
function addressOf(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL';
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

function reasonOf(error: unknown): string {
  // A host name with several addresses causes one error for each address.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}
