import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

interface Source {
  /** Debian package. @default the program's own name */
  from?: string;
  /** What else one could do, for the message. */
  or?: string;
}

/** Programs that some suites need beside Node. */
const PROGRAMS: Record<string, Source> = {
  'redis-server': { or: 'set TEST_REDIS_URL' },
  'redis-cli': { from: 'redis-tools' },
  pgbouncer: {},
  haproxy: {},
  openssl: {},
  ps: { from: 'procps' },
  chromium: {},
};

const FOLDERS = (process.env['PATH'] ?? '').split(delimiter);
const isMissing = (program: string) => !FOLDERS.some((folder) => existsSync(join(folder, program)));
const missingPrograms = () => Object.keys(PROGRAMS).filter(isMissing);
const installArguments = (programs: readonly string[]) => [
  'install',
  '-y',
  '--no-install-recommends',
  ...programs.map((program) => PROGRAMS[program]?.from ?? program),
];

/**
 * Installs what is missing by apt where this user may, else names the command that does. Once, before the workers start, so
 * that they do not race for it.
 */
export function installMissing(): void {
  const missing = missingPrograms();
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && !isMissing('apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-q'], { env });
    spawnSync('apt-get', installArguments(missing), { env });
  }
  const left = missingPrograms();
  if (left.length > 0) process.stderr.write(`Tests that need ${left.join(', ')} will fail. ${remedyFor(left)}\n`);
}

/** Says what to install where a program that a suite needs is missing. */
export function installed(program: string): void {
  if (!isMissing(program)) return;
  const or = PROGRAMS[program]?.or;
  throw new Error(`The tests need ${program}. ${remedyFor(missingPrograms())}${or ? ` Or ${or}.` : ''}`);
}

function remedyFor(programs: readonly string[]): string {
  return `Install what is missing: sudo apt-get ${installArguments(programs).join(' ')}.`;
}
