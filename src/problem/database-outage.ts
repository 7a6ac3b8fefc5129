/**
 * SQLSTATE codes of a server that accepts no statements: not reachable (08), too many clients (53300), shutting down or
 * starting (57P01 to 57P03). https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const SQL_STATES = /^(?:08...|53300|57P0[123])$/;
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
]);
/** pg and its pool give these errors no code. */
const DRIVER_MESSAGES =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout|Cannot use a pool after calling end)/;

/**
 * Whether an error says that the database is not available, and not that a statement is wrong. It reads the error's
 * properties and not its class, so that this folder does not depend on a database driver.
 */
export function isDatabaseOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const {
    driverError,
    errors,
    code = '',
  } = error as Error & {
    driverError?: unknown;
    errors?: readonly unknown[];
    code?: unknown;
  };
  // TypeORM wraps the driver's error. Node wraps the errors of several addresses of one host.
  if (driverError !== undefined && driverError !== error) return isDatabaseOutage(driverError);
  if (error instanceof AggregateError && errors) return errors.some(isDatabaseOutage);
  const name = String(code);
  return SQL_STATES.test(name) || SOCKET_CODES.has(name) || DRIVER_MESSAGES.test(error.message);
}
