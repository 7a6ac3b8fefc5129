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

/** The content of postmaster.pid. */
export interface PidFile {
  readonly pid: number;
  /** Empty if the process has ended. */
  readonly tag: string;
  readonly port: number;
  readonly status: string;
}

/** The data folder. `postgres/` is the cluster. The other files are named `postgres.<name>`. */
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
    await this.clearOwner(); // After a crash, the file may belong to another user.
    await writeFile(this.file('owner'), processTag(process.pid) ?? '');
  }

  async clearOwner(): Promise<void> {
    await rm(this.file('owner'), { force: true });
  }

  async password(): Promise<string> {
    const known = await readText(this.file('password'));
    if (known !== '') return known;
    const created = randomBytes(24).toString('base64url');
    await writeFile(this.file('password.new'), created, { mode: 0o600 });
    await rename(this.file('password.new'), this.file('password'));
    return created;
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

  /** Creates the cluster if it does not exist. After a crash, the next start removes the incomplete folder. */
  async initialise(initdb: string, account: Account, flags: string[]): Promise<void> {
    if ((await readText(join(this.cluster, 'PG_VERSION'))) !== '') return this.changeClusterOwner(account);
    for (const name of await readdir(this.path)) {
      // The initdb of a killed start may still write for a moment.
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
        const cause = `${this.cluster} exists and is not a PostgreSQL cluster`;
        const remedy = 'move it away, or choose another data folder';
        throw new EmbeddedPostgresError('EMBEDDED_POSTGRES_FOLDER_IN_USE', cause, remedy, { cause: error });
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /** Returns the requested port, or the port of the last start if it is free, or any free port. */
  async choosePort(requested: number | undefined): Promise<number> {
    if (requested !== undefined) return requested;
    const last = Number(await readText(this.file('port')));
    return (last > 0 && (await freePort(last))) || (await freePort(0)) || 5432;
  }

  async savePort(port: number): Promise<void> {
    await writeFile(this.file('port'), String(port));
  }

  /** Opens the log file. The server does not write to a pipe, because it keeps running if the application is killed. */
  async openLog(): Promise<FileHandle> {
    const log = this.file('log');
    const { size } = await stat(log).catch(() => ({ size: 0 }));
    if (size > MAX_LOG_BYTES) await rename(log, this.file('log.1'));
    return open(log, 'a+', 0o600);
  }

  /** Changes the owner of the cluster, because a cluster that root has copied or restored belongs to root. */
  private async changeClusterOwner({ uid, gid }: Account): Promise<void> {
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

/** Returns the port if it is free, or any free port for 0. Otherwise returns undefined. */
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
