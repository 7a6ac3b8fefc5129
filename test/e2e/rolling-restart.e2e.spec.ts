import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { HaProxy } from '../support/haproxy.js';
import { Load } from '../support/load.js';
import { amountOf } from '../support/long-form.js';
import { freePort } from '../support/ports.js';
import { Program } from '../support/program.js';
import { until } from '../support/until.js';

/** In the short form each replica is restarted once. */
const RESTARTS = amountOf('RESTARTS', { short: 2, long: 100 });
const CONNECTIONS = 20;
const TIMEOUT_MS = 300_000 + RESTARTS * 12_000;
const PATHS = ['/work/fast', '/work/fast', '/work/fast', '/work/slow?ms=120', '/work/stream?ms=150'];

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

/** A replica that can be restarted on its port. */
class Replica {
  private program: Program | undefined;

  private constructor(
    private readonly kind: string,
    private readonly env: Record<string, string>,
  ) {}

  static async start(kind: string, adapter: string): Promise<Replica> {
    const port = await freePort();
    const replica = new Replica(kind, {
      PORT: String(port),
      HTTP_ADAPTER: adapter,
      DATABASE_URL: await testDatabase(),
      JWT_SECRET: 'a secret of the test suite, long enough for HS256',
      THROTTLE_DEFAULT_LIMIT: '100000000',
      SHUTDOWN_DRAIN_DELAY: '500ms',
      LOG_LEVEL: 'warn',
    });
    running.push(replica);
    await replica.begin();
    return replica;
  }

  get port(): number {
    return Number(this.env['PORT']);
  }

  get pid(): number {
    return this.program?.pid ?? -1;
  }

  async begin(): Promise<void> {
    this.program = new Program(resolve('test/fixtures/replica.mjs'), this.env, process.cwd(), [this.kind]);
    await this.program.says('listening');
    await until('the replica is ready', async () => (await fetch(`http://127.0.0.1:${this.port}/health/ready`)).ok);
  }

  async restart(): Promise<number> {
    this.program?.kill('SIGTERM');
    const code = await this.program?.ends();
    await this.begin();
    return code ?? -1;
  }

  async stop(): Promise<void> {
    this.program?.kill('SIGKILL');
    await this.program?.ends();
  }
}

/** Restarts the replicas in turn, up to a number of times or until the load has met a failure. */
async function restartUnderLoad(kind: string, adapter: string, limit: number, untilFailure = false) {
  const replicas = [await Replica.start(kind, adapter), await Replica.start(kind, adapter)];
  const proxy = await HaProxy.start(replicas.map(({ port }) => port));
  running.push(proxy);
  await until(
    'the proxy answers',
    async () => (await fetch(`${proxy.url}/work/fast`).catch(() => undefined))?.ok === true,
  );
  const load = new Load(proxy.url, PATHS, CONNECTIONS);
  const codes: number[] = [];
  for (let i = 0; i < limit && !(untilFailure && load.failures.length > 0); i++) {
    const replica = replicas[i % 2] as Replica;
    codes.push(await replica.restart());
    // The next replica restarts only after the proxy sends requests to this one again.
    await until('the proxy uses the new replica', async () => {
      const { by } = (await (await fetch(`${proxy.url}/work/fast`)).json()) as { by: number };
      return by === replica.pid;
    });
    const before = load.requests;
    await until('the load continues', () => load.requests > before + 200);
  }
  await load.stop();
  process.stdout.write(
    `${kind} on ${adapter}: ${codes.length} restarts, ${load.requests} requests, ${load.failures.length} failed\n`,
  );
  return { load, codes };
}

describe.each(['fastify', 'express'])('two replicas on %s behind a proxy, restarted in turn under load', (adapter) => {
  it('lose no request', { tags: 'long', timeout: TIMEOUT_MS }, async () => {
    const { load, codes } = await restartUnderLoad('bulwark', adapter, RESTARTS);
    expect(load.failures).toEqual([]);
    expect(codes).toEqual(Array.from({ length: RESTARTS }, () => 0));
    expect(load.requests).toBeGreaterThan(RESTARTS * 200);
  });
});

describe('the same with stock enableShutdownHooks', () => {
  it('loses requests, so that the test above can fail', { timeout: TIMEOUT_MS }, async () => {
    const { load } = await restartUnderLoad('stock', 'express', 20, true);
    expect(load.failures.length).toBeGreaterThan(0);
  });
});
