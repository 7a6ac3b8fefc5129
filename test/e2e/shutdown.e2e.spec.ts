import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { Controller, Get, Injectable, Module, VERSION_NEUTRAL } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import {
  Lifecycle,
  OnShutdown,
  Public,
  ShutdownPhase,
  ShutdownService,
  type ShutdownParticipant,
} from '../../src/index.js';
import { auditRows, ownDatabase, testDatabase } from '../support/database.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { freePort } from '../support/ports.js';
import { Program } from '../support/program.js';
import { until } from '../support/until.js';

const JWT_SECRET = 'a secret of the test suite, long enough for HS256';

/** A handler that answers when the test calls finish(). */
@Controller({ path: 'work', version: VERSION_NEUTRAL })
@Public()
class WorkController {
  static finish: () => void = () => undefined;
  static hasBegun = false;

  @Get('slow')
  slow(): Promise<object> {
    WorkController.hasBegun = true;
    return new Promise((done) => (WorkController.finish = () => done({ work: 'done' })));
  }

  @Get('fast')
  fast(): object {
    return { work: 'done' };
  }
}

const order: string[] = [];
/** Delays the end of the first phase, in which the application still serves requests. */
let drain = Promise.resolve();

function participant(phase: ShutdownPhase, does: () => void | Promise<void> = () => undefined) {
  @Injectable()
  @OnShutdown({ phase })
  class Participant implements ShutdownParticipant {
    onShutdown(): void | Promise<void> {
      order.push(ShutdownPhase[phase]);
      return does();
    }
  }
  return Participant;
}

@Module({
  controllers: [WorkController],
  providers: [
    participant(ShutdownPhase.Close),
    participant(ShutdownPhase.Flush),
    participant(ShutdownPhase.StopIntake),
    participant(ShutdownPhase.Drain, () => drain),
  ],
})
class WorkModule {}

onBothAdapters('a shutdown', (adapter) => {
  const start = (env: Record<string, string> = {}) =>
    TestApp.start({ HTTP_ADAPTER: adapter, SHUTDOWN_DRAIN_DELAY: '100ms', ...env }, { imports: [WorkModule] });

  it('fails the readiness probe at once, and serves requests while it drains', async () => {
    const app = await start({ SHUTDOWN_DRAIN_DELAY: '0ms' });
    let letGo: () => void = () => undefined;
    drain = new Promise((resolve) => (letGo = resolve));
    const ended = app.app.get(ShutdownService).shutdown(app.app, 'test');
    const ready = await app.get('/health/ready');
    expect(ready.status).toBe(503);
    expect(ready.body.status).toBe('shutting_down');
    expect((await app.get('/health/live')).status).toBe(200);
    const answer = await app.get('/work/fast');
    expect(answer.status).toBe(200);
    expect(answer.headers.connection).toBe('close');
    letGo();
    expect(await ended).toEqual({ lost: [] });
    await expect(app.get('/work/fast', { from: '127.0.0.1' })).rejects.toThrow(/ECONNREFUSED/);
    app.close();
  });

  it('waits for the request in flight, and runs its participants in order', async () => {
    order.length = 0;
    WorkController.hasBegun = false;
    const app = await start();
    const slow = app.get('/work/slow');
    await until('the request is in flight', () => WorkController.hasBegun);
    const ended = app.app.get(ShutdownService).shutdown(app.app, 'test');
    await until('the port is closed', () => order.includes('StopIntake'));
    expect(order).toEqual(['Drain', 'StopIntake']);
    WorkController.finish();
    expect(await slow).toMatchObject({ status: 200, body: { work: 'done' } });
    expect(await ended).toEqual({ lost: [] });
    expect(order).toEqual(['Drain', 'StopIntake', 'Flush', 'Close']);
    app.close();
  });

  it('aborts unfinished requests at the timeout, and reports them', async () => {
    WorkController.hasBegun = false;
    const app = await start({ SHUTDOWN_TIMEOUT: '200ms' });
    const slow = app.get('/work/slow?secret=1').catch((error: unknown) => error);
    await until('the request is in flight', () => WorkController.hasBegun);
    const { lost } = await app.app.get(ShutdownService).shutdown(app.app, 'test');
    expect(lost).toEqual(['GET /work/slow']);
    expect(await slow).toBeInstanceOf(Error);
    expect(app.logs).toContainEqual(expect.objectContaining({ level: 'error', inFlight: ['GET /work/slow'] }));
    WorkController.finish();
    app.close();
  });

  it('waits for jobs', async () => {
    order.length = 0;
    const app = await start();
    let finish: () => void = () => undefined;
    const job = app.app.get(Lifecycle).run('nightly report', () => new Promise<void>((done) => (finish = done)));
    const ended = app.app.get(ShutdownService).shutdown(app.app, 'test');
    await until('the port is closed', () => order.includes('StopIntake'));
    await until('no connection is open', async () => (await app.connections()) === 0);
    order.push('job');
    finish();
    await job;
    expect(await ended).toEqual({ lost: [] });
    expect(order).toEqual(['Drain', 'StopIntake', 'job', 'Flush', 'Close']);
    app.close();
  });

  it('closes idle connections, and answers a request that arrives just before', async () => {
    const app = await start();
    const { port } = new URL(app.baseUrl);
    const socket: Socket = connect(Number(port), '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => void (received += chunk.toString()));
    const get = 'GET /work/fast HTTP/1.1\r\nHost: localhost\r\n\r\n';
    socket.write(get);
    await until('the first answer has arrived', () => received.includes('"work":"done"'));
    const ended = app.app.get(ShutdownService).shutdown(app.app, 'test');
    received = '';
    socket.write(get);
    await once(socket, 'close');
    expect(received).toContain('"work":"done"');
    expect(received.toLowerCase()).toContain('connection: close');
    expect(await ended).toEqual({ lost: [] });
    app.close();
  });
});

describe('a participant', () => {
  const shutDown = async (does: () => void | Promise<void>) => {
    @Module({ providers: [participant(ShutdownPhase.Flush, does)] })
    class OneModule {}
    order.length = 0;
    const app = await TestApp.start({ SHUTDOWN_DRAIN_DELAY: '0ms' }, { imports: [OneModule] });
    const outcome = await app.app.get(ShutdownService).shutdown(app.app, 'test');
    app.close();
    return outcome;
  };

  it('that rejects is reported, and the shutdown continues', async () => {
    const { lost } = await shutDown(() => Promise.reject(new Error('queue gone')));
    expect(lost).toEqual(['Participant in phase Flush: queue gone']);
  });

  it('that throws is reported in the same way', async () => {
    const { lost } = await shutDown(() => {
      throw new Error('no queue at all');
    });
    expect(lost).toEqual(['Participant in phase Flush: no queue at all']);
  });
});

describe('the process', () => {
  const running: Program[] = [];
  afterEach(async () => {
    for (const program of running.splice(0)) {
      program.kill('SIGKILL');
      await program.ends();
    }
  });

  const start = async (env: Record<string, string> = {}) => {
    const port = await freePort();
    const program = new Program(
      resolve('test/fixtures/replica.mjs'),
      {
        PORT: String(port),
        DATABASE_URL: await testDatabase(),
        JWT_SECRET,
        SHUTDOWN_DRAIN_DELAY: '100ms',
        ...env,
      },
      process.cwd(),
      ['bulwark'],
    );
    running.push(program);
    await program.says('listening');
    return { program, url: `http://127.0.0.1:${port}` };
  };

  /** Waits until this number of slow requests has begun. */
  const busyWith = (url: string, count: number) =>
    until(`${count} requests are in progress`, async () => {
      const { begun } = (await (await fetch(`${url}/work/fast`)).json()) as { begun: number };
      return begun === count;
    });

  it.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])('exits with code 0 on %s', async (signal) => {
    const { program } = await start();
    program.kill(signal);
    expect(await program.ends()).toBe(0);
    expect(program.output).toContain('shutdown complete');
  });

  it('finishes slow and streaming answers before it exits', async () => {
    const { program, url } = await start();
    const answers = ['/work/slow?ms=600', '/work/stream?ms=600'].map(async (path) => (await fetch(url + path)).text());
    await busyWith(url, 2);
    program.kill();
    const [slow, stream] = await Promise.all(answers);
    expect(slow).toContain('done slowly');
    expect(stream).toMatch(/chunk 0\n[^]*chunk 9\nend\n$/);
    expect(await program.ends()).toBe(0);
  });

  it('exits at once on a second signal, with code 75 and a list of unfinished requests', async () => {
    const { program, url } = await start();
    const slow = fetch(`${url}/work/slow?ms=20000`).catch(() => 'cut');
    await busyWith(url, 1);
    program.kill();
    await program.says('the readiness probe fails now');
    program.kill();
    expect(await program.ends()).toBe(75);
    expect(program.output).toContain('GET /work/slow');
    expect(await slow).toBe('cut');
  });

  it('exits with code 75 when the timeout aborts a request', async () => {
    const { program, url } = await start({ SHUTDOWN_TIMEOUT: '200ms' });
    const slow = fetch(`${url}/work/slow?ms=20000`).catch(() => 'cut');
    await busyWith(url, 1);
    program.kill();
    expect(await program.ends()).toBe(75);
    expect(await slow).toBe('cut');
  });

  it('answers requests in flight and logs the error before it exits on an uncaught error', async () => {
    const { program, url } = await start();
    const slow = fetch(`${url}/work/slow?ms=500`).then((answer) => answer.status);
    await busyWith(url, 1);
    expect((await fetch(`${url}/work/crash`)).status).toBe(200);
    expect(await slow).toBe(200);
    expect(await program.ends()).toBe(70);
    expect(program.output).toContain('nobody catches this');
    expect(program.output).toContain('"level":"fatal"');
  });

  it('writes every audit event before it exits', async () => {
    const database = await ownDatabase();
    const { program, url } = await start({ DATABASE_URL: database, AUDIT_FLUSH_INTERVAL: '1h' });
    const post = (path: string, body: object) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
    await post('/auth/login', { email: 'nobody@example.com', password: 'wrong' });
    expect(await auditRows(database)).toEqual([]);
    program.kill();
    expect(await program.ends()).toBe(0);
    expect(await auditRows(database)).toEqual([{ action: 'auth.failed_login' }]);
  });

  it('exits with code 0 when it is stopped during its start', async () => {
    const program = new Program('main.js', { PORT: '0', DATABASE_URL: 'postgres://127.0.0.1:1/none', JWT_SECRET });
    running.push(program);
    await program.says('cannot be reached');
    program.kill();
    expect(await program.ends()).toBe(0);
  });
});
