import { writeSync } from 'node:fs';

/** Exit codes of sysexits.h, which service managers know how to tell apart. */
const EX_OSERR = 71;
const EX_SOFTWARE = 70;

/** Says on standard error why the process ends, and ends it with the code that belongs to the cause. */
export function exitWithError(error: unknown): never {
  const { message, code } = explain(error);
  writeSync(2, `\nnest-bulwark cannot start.\n${message}\n`);
  process.exit(code);
}

/** The message and the exit code that belong to what kept the process from starting. */
export function explain(error: unknown): { message: string; code: number } {
  if (!(error instanceof Error)) return { message: String(error), code: EX_SOFTWARE };
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') {
    return { message: `Port ${port} is in use.\n  → stop the process that has it, or set PORT`, code: EX_OSERR };
  }
  if (code === 'EACCES' && port !== undefined) {
    return { message: `Port ${port} may not be opened by this user.\n  → set PORT to one above 1023`, code: EX_OSERR };
  }
  if ('exitCode' in error && typeof error.exitCode === 'number') {
    return { message: error.message, code: error.exitCode };
  }
  return { message: error.stack ?? error.message, code: EX_SOFTWARE };
}
