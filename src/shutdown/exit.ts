import { writeSync } from 'node:fs';

/** Exit codes of sysexits.h. Service managers can handle each code differently. */
const EX_OSERR = 71;
const EX_SOFTWARE = 70;
const EX_UNAVAILABLE = 69;

/** SQLSTATE of `CREATE TABLE` where a table of that name exists. */
const DUPLICATE_TABLE = '42P07';

/**
 * Prints an error that prevented the start to standard error, and exits with its exit code: 69 where a server is
 * unavailable, 71 where the port cannot be opened, 78 for the configuration, 70 for all others. Create the application
 * with `abortOnError: false`, or Nest ends the process itself.
 *
 * @publicApi
 */
export function exitWithError(error: unknown): never {
  const { message, code } = explainError(error);
  writeSync(2, `\nThe application cannot start.\n${message}\n`);
  process.exit(code);
}

/** Returns the message and the exit code of an error that prevented the start. @publicApi */
export function explainError(error: unknown): { message: string; code: number } {
  if (!(error instanceof Error)) return { message: String(error), code: EX_SOFTWARE };
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') {
    return { message: `Port ${port} is in use.\n  → stop the process that uses it, or set PORT`, code: EX_OSERR };
  }
  if (code === 'EACCES' && port !== undefined) {
    return { message: `This user may not open port ${port}.\n  → set PORT to a port above 1023`, code: EX_OSERR };
  }
  if (code === DUPLICATE_TABLE) return { message: duplicateTable(error.message), code: EX_UNAVAILABLE };
  if ('exitCode' in error && typeof error.exitCode === 'number') {
    return { message: error.message, code: error.exitCode };
  }
  return { message: error.stack ?? error.message, code: EX_SOFTWARE };
}

function duplicateTable(reason: string): string {
  return (
    `The database cannot be migrated: ${reason}. It was migrated by an earlier version with other migrations, or it ` +
    'belongs to another application.\n  → delete the folder of the embedded database (DATA_DIR, .data), or set ' +
    'DATABASE_URL to an empty database'
  );
}
