import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chown,
  type FileHandle,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, runToEnd } from './binaries.js';
import { EmbeddedPostgresError, explainFailure } from './error.js';
import { processTag, tagIsAlive } from './process.js';

const MAX_LOG_BYTES = 5_000_000;

/** What postmaster.pid says. */
export interface PidFile {
  readonly pid: number;
  /** Empty when the process is gone. */
  readonly tag: string;
  readonly port: number;
  readonly status: string;
}

/** The data folder: `postgres/` is the cluster, the rest are files named `postgres.<what>` beside it. */
export class DataFolder {
  readonly cluster: string;

  constructor(readonly path: string) {
    this.cluster = join(path, 'postgres');
  }

  file(what: string): string {
    return join(this.path, `postgres.${what}`);
  }

  async hasOwner(): Promise<boolean> {
    return tagIsAlive(await readText(this.file('owner')));
  }

  async setOwner(): Promise<void> {
    await this.clearOwner(); // may be another user's, left after a crash
    await writeFile(this.file('owner'), processTag(process.pid) ?? '');
  }

  async clearOwner(): Promise<void> {
    await rm(this.file('owner'), { force: true });
  }

  async password(): Promise<string> {
    const known = await readText(this.file('password'));
    if (known !== '') return known;
    const made = randomBytes(24).toString('base64url');
    await writeFile(this.file('password.new'), made, { mode: 0o600 });
    await rename(this.file('password.new'), this.file('password'));
    return made;
  }

  async readPidFile(): Promise<PidFile | undefined> {
    // Lines: pid, data folder, start time, port, socket folder, address, shared memory, status.
    const lines = (await readText(join(this.cluster, 'postmaster.pid'))).split('\n');
    const pid = Number(lines[0]);
    if (!(pid > 0)) return undefined;
    return { pid, tag: processTag(pid) ?? '', port: Number(lines[3]), status: lines[7]?.trim() ?? '' };
  }

  async removePidFile(): Promise<void> {
    await rm(join(this.cluster, 'postmaster.pid'), { force: true });
  }

  /** Makes the cluster if there is none. A crash half way leaves only a folder that the next start removes. */
  async initialise(initdb: string, account: Account, flags: string[]): Promise<void> {
    if ((await readText(join(this.cluster, 'PG_VERSION'))) !== '') return this.handOver(account);
    for (const name of await readdir(this.path)) {
      // A start that was killed may have left initdb behind, which still writes for a moment.
      if (name.startsWith('postgres.init-'))
        await rm(join(this.path, name), { recursive: true, force: true, maxRetries: 10 });
    }
    const draft = await mkdtemp(this.file('init-'));
    try {
      const [cluster, password] = [join(draft, 'cluster'), join(draft, 'password')];
      await writeFile(password, await this.password(), { mode: 0o600 });
      for (const path of [draft, password]) await chown(path, account.uid ?? -1, account.gid ?? -1);
      const login = ['--username=postgres', `--pwfile=${password}`, '--auth=scram-sha-256'];
      // The built-in provider needs no locale of the operating system.
      const text = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
      const args = ['-D', cluster, '--data-checksums', ...login, ...text, ...flags];
      await runToEnd(account, initdb, args).catch((error: Error) => {
        throw explainFailure('EMBEDDED_POSTGRES_INIT_FAILED', 'initdb failed', error.message, { cause: error });
      });
      await rename(cluster, this.cluster).catch((error: Error) => {
        const cause = `${this.cluster} exists and holds no PostgreSQL cluster`;
        const remedy = 'move it away, or choose another data folder';
        throw new EmbeddedPostgresError('EMBEDDED_POSTGRES_FOLDER_IN_USE', cause, remedy, { cause: error });
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /** The wished port, or the one of the last start, or any free one. */
  async choosePort(wished: number | undefined): Promise<number> {
    if (wished !== undefined) return wished;
    const last = Number(await readText(this.file('port')));
    return (last > 0 && (await freePort(last))) || (await freePort(0)) || 5432;
  }

  async keepPort(port: number): Promise<void> {
    await writeFile(this.file('port'), String(port));
  }

  /** A file and not a pipe: the server outlives a killed application. */
  async openLog(): Promise<FileHandle> {
    const log = this.file('log');
    const { size } = await stat(log).catch(() => ({ size: 0 }));
    if (size > MAX_LOG_BYTES) await rename(log, this.file('log.1'));
    return open(log, 'a+', 0o600);
  }

  /** A cluster that was copied or restored by root belongs to root. */
  private async handOver({ uid, gid }: Account): Promise<void> {
    if (uid === undefined || (await stat(this.cluster)).uid === uid) return;
    await promisify(execFile)('chown', ['-R', `${uid}:${gid}`, this.cluster]);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** The port if it can be bound (0: any that can), else undefined. */
function freePort(port: number): Promise<number | undefined> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(undefined));
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
