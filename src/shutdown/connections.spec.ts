import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../test/support/until.js';
import { Connections } from './connections.js';

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

describe('the connections of a server that shuts down', () => {
  let server: Server;
  let connections: Connections;
  let port: number;
  let accepted = 0;
  beforeEach(async () => {
    server = createServer((_request, response) => response.end('done'));
    connections = new Connections(server);
    accepted = 0;
    server.on('connection', () => accepted++);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(() => {
    connections.destroy();
    server.close();
  });

  const open = () => connect(port, '127.0.0.1');
  /** Reads everything until the server closes the connection. */
  const readAll = async (socket: Socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(socket, 'close');
    return text;
  };

  it('are closed when they are idle, but not if a request has arrived and is not read yet', async () => {
    const [idle, busy] = [open(), open()];
    await until('both are accepted', () => accepted === 2);
    const answers = Promise.all([readAll(idle), readAll(busy)]);
    connections.startClosing();
    busy.write(REQUEST);
    await connections.closeIdle(0, AbortSignal.timeout(60_000));
    expect(await answers).toEqual(['', expect.stringMatching(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n[^]*done/)]);
  });

  it('are accepted before the port closes, if the operating system has already queued them', async () => {
    const sockets = Array.from({ length: 20 }, open);
    const answers = Promise.all(sockets.map(readAll));
    for (const socket of sockets) socket.write(REQUEST);
    // Node connects in the next tick.
    await new Promise((resolve) => process.nextTick(resolve));
    connections.startClosing();
    await connections.stopListening();
    expect((await answers).map((text) => text.slice(0, 15))).toEqual(sockets.map(() => 'HTTP/1.1 200 OK'));
    expect(server.listening).toBe(false);
  });
});
