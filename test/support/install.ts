import { spawnSync } from 'node:child_process';

interface Source {
  /** Debian package. @default the program's own name */
  from?: string;
  /** What else one could do, for the message. */
  or?: string;
  /** @default '--version' */
  versionFlag?: string;
}

/** Programs that some suites need beside Node. */
const PROGRAMS: Record<string, Source> = {
  'redis-server': { or: 'set TEST_REDIS_URL' },
  'redis-cli': { from: 'redis-tools' },
  pgbouncer: {},
  haproxy: { versionFlag: '-v' },
  openssl: { versionFlag: 'version' },
  ps: { from: 'procps' },
  chromium: {},
};

const runs = (program: string, flag: string) => spawnSync(program, [flag]).status === 0;
const isMissing = (program: string) => !runs(program, PROGRAMS[program]?.versionFlag ?? '--version');
const sourceOf = (program: string) => PROGRAMS[program]?.from ?? program;

/** Installs what is missing by apt where this user may. Once, before the workers start, so that they do not race for it. */
export function installMissing(): void {
  const missing = Object.keys(PROGRAMS).filter(isMissing);
  if (missing.length === 0 || process.getuid?.() !== 0 || !runs('apt-get', '--version')) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-q'], { env });
  spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing.map(sourceOf)], { env });
}

/** Says what to install where a program that a suite needs is missing. */
export function installed(program: string): void {
  if (!isMissing(program)) return;
  const or = PROGRAMS[program]?.or;
  throw new Error(
    `The tests need ${program}: install it (apt-get install ${sourceOf(program)})${or ? `, or ${or}` : ''}.`,
  );
}
