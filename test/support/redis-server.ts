import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installed } from './install.js';
import { freePort, isFree } from './ports.js';
import { until } from './until.js';

/** The port of the cluster bus is this much above the port for commands. */
const BUS_OFFSET = 10_000;
/** Another test can take a free port before it is used here. */
const MAX_PORTS = 5;

/** A redis-server for one test, with its own port and folder. */
export class RedisServer {
  private process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly isSentinel: boolean,
  ) {}

  /** @param config additional lines of its configuration file */
  static start(config: string[] = []): Promise<RedisServer> {
    return RedisServer.launch(config, false);
  }

  /** Sentinels for one master with `replicas` replicas. Two of them are enough for a failover. */
  static async sentinels(count: number, name: string, master: RedisServer, replicas = 0): Promise<RedisServer[]> {
    const config = [
      `sentinel monitor ${name} 127.0.0.1 ${master.port} 2`,
      `sentinel down-after-milliseconds ${name} 1000`,
      `sentinel failover-timeout ${name} 3000`,
    ];
    const sentinels = await Promise.all(Array.from({ length: count }, () => RedisServer.launch(config, true)));
    // They read the list of replicas from the master every ten seconds. Without the master, they cannot find replicas.
    const known = new RegExp(`\\r\\nnum-slaves\\r\\n\\$1\\r\\n${replicas}\\r\\n`);
    const knowThem = async (sentinel: RedisServer) => known.test(await sentinel.ask(`SENTINEL MASTER ${name}`));
    await until('the Sentinels know the replicas', async () =>
      (await Promise.all(sentinels.map(knowThem))).every(Boolean),
    );
    return sentinels;
  }

  /** A cluster of masters, each with `replicas` replicas. `CLUSTER SLOTS` shows which nodes are masters. */
  static async cluster(masters: number, replicas = 0): Promise<RedisServer[]> {
    installed('redis-cli');
    const config = ['cluster-enabled yes', 'cluster-node-timeout 1000'];
    const count = masters * (1 + replicas);
    const nodes = await Promise.all(Array.from({ length: count }, () => RedisServer.launch(config, false)));
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    spawnSync('redis-cli', [
      '--cluster',
      'create',
      ...addresses,
      '--cluster-yes',
      '--cluster-replicas',
      String(replicas),
    ]);
    const isReady = async (node: RedisServer) =>
      (await node.ask('CLUSTER INFO')).includes('cluster_state:ok') &&
      // A replica cannot take over before it has copied its master.
      /\r\n(master|connected)\r\n/.test(await node.ask('ROLE'));
    await until('the nodes are a cluster', async () => (await Promise.all(nodes.map(isReady))).every(Boolean));
    return nodes;
  }

  private static async launch(config: string[], isSentinel: boolean): Promise<RedisServer> {
    installed('redis-server');
    for (let left = MAX_PORTS; ; left--) {
      const server = await RedisServer.on(await portWithBus(), config, isSentinel);
      try {
        await server.resume();
        return server;
      } catch (error) {
        await server.stop();
        if (left === 1 || !(error instanceof EndedError)) throw error;
      }
    }
  }

  private static async on(port: number, config: string[], isSentinel: boolean): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'bulwark-redis-'));
    const common = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`];
    const storage = isSentinel ? [] : ['save ""', 'appendonly no'];
    await writeFile(join(folder, 'redis.conf'), [...common, ...storage, ...config, ''].join('\n'));
    return new RedisServer(port, folder, isSentinel);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `redis://${this.address}`;
  }

  /** Starts it again after `kill()`, or continues it after `hang()`. */
  async resume(): Promise<void> {
    if (this.process) this.process.kill('SIGCONT');
    else {
      const mode = this.isSentinel ? ['--sentinel'] : [];
      this.process = spawn('redis-server', [join(this.folder, 'redis.conf'), ...mode], { stdio: 'ignore' });
    }
    const { process } = this;
    await until('redis-server answers', async () => {
      // Another server may listen on its port.
      if (process.exitCode !== null) throw new EndedError(`redis-server ended with ${process.exitCode}`);
      // A server with a password answers that authentication is required.
      return /^(\+PONG|-NOAUTH)/.test(await this.ask('PING'));
    });
  }

  /** Accepts connections, but does not respond. */
  hang(): void {
    this.process?.kill('SIGSTOP');
  }

  async kill(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    process.kill('SIGKILL');
    await once(process, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The start of the response to a command; empty if there is no response. */
  private ask(command: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write(`${command}\r\n`));
      socket.on('error', () => resolve(''));
      socket.on('close', () => resolve(''));
      socket.on('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
    });
  }
}

/** A server that exited during its start, for example because its port is in use. */
class EndedError extends Error {}

async function portWithBus(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (await isFree(port + BUS_OFFSET)) return port;
  }
}
