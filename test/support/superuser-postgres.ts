import { execFile } from 'node:child_process';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinaries } from '../../src/database/embedded/binaries.js';
import { query } from './database.js';
import { freePort } from './ports.js';

const run = promisify(execFile);

const PASSWORD = 'the password of the superuser';

/** A PostgreSQL server for one test, with its superuser, like in the container of PostgreSQL. */
export interface SuperuserPostgres {
  readonly port: number;
  /** URL of the database of the application, with a role and its password. */
  urlOf(role: string, password: string): string;
  readonly superuserUrl: string;
  stop(): Promise<void>;
}

/** @param folder folder with the programs of PostgreSQL, by default those of the embedded PostgreSQL */
export async function superuserPostgres(folder?: string): Promise<SuperuserPostgres> {
  const binaries = await findBinaries();
  const [initdb, pgCtl] =
    folder === undefined ? [binaries.initdb, binaries.pg_ctl] : [`${folder}/initdb`, `${folder}/pg_ctl`];
  const home = await mkdtemp(join(tmpdir(), 'bulwark-superuser-'));
  const account = await unprivilegedAccount();
  if (account) await chown(home, account.uid, account.gid);
  const as = (program: string, args: string[]) => run(program, args, { ...account, cwd: '/', env: { LC_ALL: 'C' } });
  const passwordFile = join(home, 'password');
  await writeFile(passwordFile, PASSWORD);
  if (account) await chown(passwordFile, account.uid, account.gid);
  const data = join(home, 'data');
  const port = await freePort();
  await as(initdb, ['-D', data, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync']);
  const options = `-p ${port} -h 127.0.0.1 -k ${home} -F`;
  await as(pgCtl, ['-D', data, '-w', '-l', join(home, 'log'), '-o', options, 'start']);
  const urlOf = (role: string, password: string) =>
    `postgres://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/bulwark`;
  await query(
    `postgres://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`,
    'CREATE DATABASE bulwark',
  );
  return {
    port,
    urlOf,
    superuserUrl: urlOf('postgres', PASSWORD),
    stop: async () => {
      await as(pgCtl, ['-D', data, '-m', 'immediate', 'stop']);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root. */
async function unprivilegedAccount(): Promise<{ uid: number; gid: number } | undefined> {
  if (userInfo().uid !== 0) return undefined;
  const [, , uid, gid] = (await readFile('/etc/passwd', 'utf8')).match(/^nobody:([^:]*):(\d+):(\d+):/m) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
