import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../test/support/certificates.js';
import { testFolder } from '../../test/support/folder.js';
import { until } from '../../test/support/until.js';
import { Connections } from './connections.js';

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** A client whose bytes after the first message wait until they are released, as on a slow network. */
function slowClient(port: number): { socket: Duplex; release: () => void } {
  const socket = connect(port, '127.0.0.1');
  let release = () => undefined as void;
  const released = new Promise<void>((resolve) => (release = resolve));
  let messages = 0;
  const duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      const gate = messages++ === 0 ? Promise.resolve() : released;
      void gate.then(() => socket.write(chunk, done));
    },
  });
  socket.on('data', (chunk: Buffer) => duplex.push(chunk));
  socket.on('close', () => duplex.push(null));
  return { socket: duplex, release };
}

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

describe('the connections of a server with TLS that shuts down', () => {
  it('finish a handshake that has begun, and their first request', async () => {
    const { path, stop } = await testFolder();
    const { certificate, key } = new CertificateAuthority(path, 'connections').issue('localhost');
    const options = { key: readFileSync(key), cert: readFileSync(certificate) };
    const server = createTlsServer(options, (_request, response) => response.end('done'));
    const connections = new Connections(server);
    const accepted: Socket[] = [];
    server.on('connection', (socket: Socket) => accepted.push(socket));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;

    const { socket, release } = slowClient(port);
    const client = connectTls({ socket, rejectUnauthorized: false });
    client.write(REQUEST);
    await until('the handshake has begun', () => accepted.some(({ bytesRead }) => bytesRead > 0));
    const idle = connect(port, '127.0.0.1');
    await until('both are accepted', () => accepted.length === 2);

    connections.startClosing();
    await connections.stopListening();
    const closed = connections.closeIdle(50, AbortSignal.timeout(60_000));
    await once(idle.resume(), 'close');
    release();
    let answer = '';
    client.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    await closed;
    await until('the answer has arrived', () => answer.includes('done'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n[^]*done/);
    await stop();
  });
});
