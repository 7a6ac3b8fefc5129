import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

interface Source {
  /** Debian package. @default the program's own name */
  from?: string;
  /** An alternative to the installation, for the message. */
  or?: string;
}

/** Programs that some suites need in addition to Node. */
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
 * Installs missing programs with apt if this user may do so. Otherwise it prints the command. It runs once before the
 * workers start, so that workers do not install the same program at the same time.
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

/** Throws an error with the command to install a missing program. */
export function installed(program: string): void {
  if (!isMissing(program)) return;
  const or = PROGRAMS[program]?.or;
  throw new Error(`The tests need ${program}. ${remedyFor(missingPrograms())}${or ? ` Or ${or}.` : ''}`);
}

function remedyFor(programs: readonly string[]): string {
  return `Install what is missing: sudo apt-get ${installArguments(programs).join(' ')}.`;
}
