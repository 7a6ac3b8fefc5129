import { writeSync } from 'node:fs';

/** Exit codes of sysexits.h, which service managers distinguish. */
const EX_OSERR = 71;
const EX_SOFTWARE = 70;
const EX_UNAVAILABLE = 69;

/** SQLSTATE of `CREATE TABLE` where a table of that name exists. */
const DUPLICATE_TABLE = '42P07';

/** Writes to standard error why the process ends, and ends it with the exit code of the cause. */
export function exitWithError(error: unknown): never {
  const { message, code } = explain(error);
  writeSync(2, `\nnest-bulwark cannot start.\n${message}\n`);
  process.exit(code);
}

/** The message and the exit code for an error that stopped the start. */
export function explain(error: unknown): { message: string; code: number } {
  if (!(error instanceof Error)) return { message: String(error), code: EX_SOFTWARE };
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') {
    return { message: `Port ${port} is in use.\n  → stop the process that has it, or set PORT`, code: EX_OSERR };
  }
  if (code === 'EACCES' && port !== undefined) {
    return { message: `Port ${port} may not be opened by this user.\n  → set PORT to one above 1023`, code: EX_OSERR };
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
