import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Body, Controller, Get, Module, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { CHUNKED, HIDDEN, INNOCENT, SHAPES } from '../support/smuggling.js';
import { until } from '../support/until.js';

@Controller('smuggling')
@Public()
class SmugglingController {
  static smuggled = 0;

  /** Blocks the slow route until the test opens it. */
  static gate: Promise<void> = Promise.resolve();
  static waiting = 0;

  @Get('slow')
  async slow(): Promise<{ slow: true }> {
    SmugglingController.waiting++;
    await SmugglingController.gate;
    return { slow: true };
  }

  @Post('target')
  target(@Body() body: unknown): unknown {
    return { body };
  }

  /** Called only if the server reads a part of a request as a separate request. */
  @Get('smuggled')
  smuggled(): { smuggled: number } {
    return { smuggled: ++SmugglingController.smuggled };
  }
}

@Module({ controllers: [SmugglingController] })
class SmugglingModule {}

onBothAdapters('request smuggling', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [SmugglingModule] })));
  afterAll(() => app.stop());

  /** Sends bytes, leaves the connection open, and reads until the server closes it. */
  async function exchange(bytes: string): Promise<string[]> {
    const { hostname, port } = new URL(app.baseUrl);
    const socket = connect(Number(port), hostname);
    let wire = '';
    socket.on('data', (chunk: Buffer) => (wire += chunk.toString('latin1')));
    // A reset also closes the socket.
    socket.on('error', () => undefined);
    socket.write(Buffer.from(bytes, 'latin1'));
    await once(socket, 'close');
    return wire
      .split(/(?=HTTP\/1\.1 \d{3} )/)
      .filter(Boolean)
      .map((answer) => answer.slice(9, 12));
  }

  it('would be detected: the hidden route answers a normal request', async () => {
    const before = SmugglingController.smuggled;
    expect(await exchange(`${HIDDEN}${HIDDEN.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`)).toEqual([
      '200',
      '200',
    ]);
    expect(SmugglingController.smuggled).toBe(before + 2);
  });

  it.each(SHAPES)('by %s ends in a 400 or a closed connection', async (_what, bytes) => {
    const before = SmugglingController.smuggled;
    const answers = await exchange(bytes);
    expect(answers.length).toBeLessThanOrEqual(1);
    expect(['400', '405', '415', 'closed']).toContain(answers[0] ?? 'closed');
    expect(SmugglingController.smuggled).toBe(before);
  });

  describe('behind a request that is still running', () => {
    const SLOW = 'GET /v1/smuggling/slow HTTP/1.1\r\nHost: x\r\n\r\n';

    /** Sends the slow request and then `behind`. Opens the gate when `meanwhile` is done. */
    async function slowly(behind: string, meanwhile: (socket: Socket) => void | Promise<void>): Promise<string> {
      let open: () => void = () => undefined;
      SmugglingController.gate = new Promise((resolve) => (open = resolve));
      SmugglingController.waiting = 0;
      const { hostname, port } = new URL(app.baseUrl);
      const socket = connect(Number(port), hostname);
      let wire = '';
      socket.on('data', (chunk: Buffer) => (wire += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      const closed = once(socket, 'close');
      socket.write(SLOW);
      await until('the slow request is running', () => SmugglingController.waiting === 1);
      const refused = refusal(socket);
      socket.write(behind);
      await refused;
      await meanwhile(socket);
      open();
      await closed;
      return wire;
    }

    /** Waits for the error of this connection. A connection that was just reset can cause one as well. */
    function refusal({ localPort }: Socket): Promise<void> {
      const server = app.app.getHttpServer() as Server;
      return new Promise((resolve) => {
        const look = (_error: Error, { remotePort }: Socket) => {
          if (remotePort !== localPort) return;
          server.removeListener('clientError', look);
          resolve();
        };
        server.on('clientError', look);
      });
    }

    it.each([
      ['invalid HTTP', `\0\0\r\n\r\n${HIDDEN}`],
      ['a bad chunk', `${CHUNKED}zz\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
    ])('does not suppress the answer of that request: %s', async (_what, bytes) => {
      const before = SmugglingController.smuggled;
      const wire = await slowly(bytes, () => undefined);
      expect(wire).toMatch(/^HTTP\/1\.1 200 /);
      expect(wire).toContain('{"slow":true}');
      expect(wire.match(/HTTP\/1\.1 /g)).toHaveLength(1);
      expect(SmugglingController.smuggled).toBe(before);
    });

    it('causes no second answer and no new listeners after the first invalid bytes', async () => {
      const server = app.app.getHttpServer() as Server;
      const responses: ServerResponse[] = [];
      const onRequest = (_request: IncomingMessage, response: ServerResponse) => responses.push(response);
      server.on('request', onRequest);
      let refusals = 0;
      const onRefusal = () => (refusals += 1);
      server.on('clientError', onRefusal);
      const listeners: number[] = [];
      const wire = await slowly('\0\0\r\n\r\n', async (socket) => {
        const count = () => responses[0]?.listenerCount('close') ?? 0;
        listeners.push(count());
        while (refusals < 20) {
          socket.write('\0\0\r\n\r\n');
          await once(server, 'clientError');
        }
        listeners.push(count());
      });
      server.off('request', onRequest).off('clientError', onRefusal);
      expect(listeners[1]).toBe(listeners[0]);
      expect(wire.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    });

    it('leaves no connection open after the client has disconnected', async () => {
      await until('no other client is connected', async () => (await app.connections()) === 0);
      await slowly(`\0\0\r\n\r\n${HIDDEN}`, (socket) => {
        socket.destroy();
      });
      await until('the server has closed the connection, too', async () => (await app.connections()) === 0);
      expect(SmugglingController.waiting).toBe(1);
    });

    it('leaves no connection open if the client does not close it', async () => {
      const { hostname, port } = new URL(app.baseUrl);
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
      socket.on('error', () => undefined).resume();
      socket.write('no HTTP\r\n\r\n');
      await once(socket, 'end');
      await until('the server has closed the connection', async () => (await app.connections()) === 0);
      // The server closed the connection, not the client.
      expect(socket.writable).toBe(true);
      socket.destroy();
    });
  });

  it.each(INNOCENT)('is not caused by %s', async (_what, bytes, status) => {
    const before = SmugglingController.smuggled;
    expect(await exchange(bytes)).toEqual([String(status)]);
    expect(SmugglingController.smuggled).toBe(before);
  });
});
