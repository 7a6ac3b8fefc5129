import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { setServerTimeouts } from '../../src/security/index.js';
import { User } from '../../src/users/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

onBothAdapters('common mistakes', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter })));
  afterAll(() => app.stop());

  it('a search by an undefined id throws an error and does not return the first row', async () => {
    const { id } = await app.register();
    const users = app.app.get(DataSource).getRepository(User);
    expect(await users.findOneBy({ id })).toMatchObject({ id });
    await expect(users.findOneBy({ id: undefined })).rejects.toThrow(/undefined/i);
    await expect(users.findOne({ where: { id: undefined } })).rejects.toThrow(/undefined/i);
  });

  it('a client that sends its headers or its body too slowly is disconnected', async () => {
    const server = app.app.getHttpServer() as Server;
    const ofApp = { headers: server.headersTimeout, request: server.requestTimeout, idle: server.keepAliveTimeout };
    // Without these limits Node waits five minutes for a body, and Fastify waits without limit.
    expect(ofApp).toEqual({ headers: 15_000, request: 120_000, idle: 72_000 });
    setServerTimeouts(server, { headersMs: 100, requestMs: 200, checkIntervalMs: 20 });
    // Node starts its check of connections when the server listens.
    server.emit('listening');
    const { hostname, port } = new URL(app.baseUrl);
    for (const begun of [
      'GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ',
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    ]) {
      const socket = connect(Number(port), hostname);
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      socket.on('error', () => undefined);
      socket.write(begun);
      await once(socket, 'close');
      expect(answer).toMatch(/^HTTP\/1\.1 408 |^$/);
    }
    setServerTimeouts(server);
    expect((await app.get('/livez')).status).toBe(200);
  });
});
