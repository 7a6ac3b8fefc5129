import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { query } from './database.js';
import { installed } from './install.js';
import { freePort } from './ports.js';
import { until } from './until.js';

/** A PgBouncer in transaction mode, in front of the server of a URL. */
export class PgBouncer {
  private constructor(
    readonly url: string,
    private readonly process: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(databaseUrl: string, settings: Record<string, string | number> = {}): Promise<PgBouncer> {
    installed('pgbouncer');
    const target = new URL(databaseUrl);
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'bulwark-pgbouncer-'));
    const options = {
      listen_addr: '127.0.0.1',
      listen_port: port,
      unix_socket_dir: '',
      auth_type: 'scram-sha-256',
      auth_file: join(folder, 'users.txt'),
      pool_mode: 'transaction',
      ...settings,
    };
    const lines = Object.entries(options).map(([name, value]) => `${name} = ${value}`);
    const databases = ['[databases]', `* = host=${target.hostname} port=${target.port || 5432}`, '[pgbouncer]'];
    await writeFile(join(folder, 'pgbouncer.ini'), [...databases, ...lines, ''].join('\n'));
    const [user, password] = [decodeURIComponent(target.username), decodeURIComponent(target.password)];
    await writeFile(options.auth_file, `"${user}" "${password}"\n`);
    // PgBouncer does not run as root. As the user nobody, it must still be able to read its files.
    await chmod(folder, 0o755);
    const account = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    const child = spawn('pgbouncer', [...account, join(folder, 'pgbouncer.ini')], { stdio: 'ignore' });

    target.host = `127.0.0.1:${port}`;
    const bouncer = new PgBouncer(target.href, child, folder);
    await until('PgBouncer answers', () =>
      query(target.href, 'SELECT 1').then(
        () => true,
        () => false,
      ),
    );
    return bouncer;
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null) {
      this.process.kill('SIGQUIT');
      await once(this.process, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
