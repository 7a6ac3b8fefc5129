import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testFolder } from './folder.js';
import { installed } from './install.js';
import { freePort } from './ports.js';

/** A load balancer in front of replicas. It checks readiness every 100 ms and keeps connections open on both sides. */
export class HaProxy {
  private constructor(
    readonly url: string,
    private readonly process: ChildProcess,
    private readonly folder: Awaited<ReturnType<typeof testFolder>>,
  ) {}

  /** @param rules additional lines of its configuration */
  static async start(ports: number[], rules: string[] = []): Promise<HaProxy> {
    installed('haproxy');
    const folder = await testFolder();
    const port = await freePort();
    const servers = ports.map(
      (replica, index) => `  server r${index} 127.0.0.1:${replica} check inter 100ms fall 1 rise 1`,
    );
    const config = [
      'defaults',
      '  mode http',
      '  timeout connect 2s',
      '  timeout client 30s',
      '  timeout server 30s',
      // A long timeout: a slow response on a busy machine must not remove a replica. Only its shutdown must.
      '  timeout check 20s',
      'listen replicas',
      `  bind 127.0.0.1:${port}`,
      '  option httpchk GET /health/ready',
      '  http-check expect ! string shutting_down',
      '  http-reuse always',
      ...rules.map((rule) => `  ${rule}`),
      ...servers,
      '',
    ];
    await writeFile(join(folder.path, 'haproxy.cfg'), config.join('\n'));
    const child = spawn('haproxy', ['-f', join(folder.path, 'haproxy.cfg'), '-db'], { stdio: 'ignore' });
    return new HaProxy(`http://127.0.0.1:${port}`, child, folder);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null) {
      this.process.kill('SIGTERM');
      await once(this.process, 'exit');
    }
    await this.folder.stop();
  }
}
