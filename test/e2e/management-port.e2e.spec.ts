import type { Server } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { ManagementModule } from '../../src/management/index.js';
import { ManagementServer } from '../../src/management/management.server.js';
import { TestClient } from '../support/client.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { PRODUCTION } from '../support/config.js';
import { freePort } from '../support/ports.js';
import { sendBytes } from '../support/socket.js';
import { ThrottledApp } from '../support/throttled-app.js';

/** Whether a server at that address answers. */
function isTaken(host: string, port: number): Promise<boolean> {
  const { socket, closed } = open(host, port);
  const answered = new Promise<boolean>((resolve) => {
    socket.on('data', (data) => resolve(data.toString().startsWith('HTTP/1.1 400')));
  });
  socket.write('NONSENSE\r\n\r\n');
  return Promise.race([answered, closed.then(() => false)]).finally(() => socket.destroy());
}

function open(host: string, port: number) {
  const socket = connect(port, host).on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
  });
  return { socket, closed };
}

onBothAdapters('a management port', (adapter) => {
  const admin = { ADMIN_EMAIL: 'operator@example.com', ADMIN_PASSWORD: 'comes by the other door' };
  let app: TestApp;
  let management: TestClient;
  beforeAll(async () => {
    const port = await freePort();
    app = await TestApp.start({ HTTP_ADAPTER: adapter, MANAGEMENT_PORT: String(port), ...admin });
    management = new TestClient(`http://127.0.0.1:${port}`);
  });
  afterAll(async () => {
    management.close();
    await app.stop();
  });

  it.each(['/health', '/health/ready', '/health/live', '/health/startup', '/health/deep', '/readyz', '/metrics'])(
    'serves %s',
    async (path) => {
      expect((await management.get(path)).status).toBe(200);
    },
  );

  it.each(['/health', '/healthz', '/health/startup', '/health/deep', '/metrics'])(
    'removes %s from the main port',
    async (path) => {
      const answer = await app.get(path);
      expect(answer.status).toBe(404);
      expect(answer.body.code).toBe('NOT_FOUND');
    },
  );

  it.each(['/health/live', '/health/ready', '/livez', '/readyz'])(
    'keeps %s on the main port, because only that port can report its own state',
    async (path) => {
      expect((await app.get(path)).status).toBe(200);
    },
  );

  it.each(['/admin/users', '/admin/rate-limits/blocked', '/audit/events', '/audit/verify'])(
    'serves %s to administrators, and the main port does not serve it',
    async (path) => {
      const { token } = await app.login(admin.ADMIN_EMAIL, admin.ADMIN_PASSWORD);
      expect((await app.get(path, { token })).status).toBe(404);
      expect((await management.get(path, { token })).status).toBe(200);
      expect((await management.get(path)).status).toBe(401);
    },
  );

  it.each(['/auth/profile', '/production-test', '/production-test/protected'])(
    'does not serve the business route %s',
    async (path) => {
      const { token } = await app.register();
      expect((await app.get(path, { token })).status).toBe(200);
      expect((await management.get(path, { token })).status).toBe(404);
    },
  );

  it('has the same limits as the main port for slow, large and malformed requests', async () => {
    const main = app.app.getHttpServer() as Server;
    const { server } = app.app.get(ManagementServer, { strict: false }) as unknown as { server: Server };
    const limits = ({ headersTimeout, requestTimeout, keepAliveTimeout }: Server) => [
      headersTimeout,
      requestTimeout,
      keepAliveTimeout,
    ];
    expect(limits(server)).toEqual([15_000, 120_000, 72_000]);
    expect(limits(server)).toEqual(limits(main));
    expect(server.maxConnections).toBe(1_000);

    for (const bytes of [
      'NONSENSE\r\n\r\n',
      `GET /health HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
      'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n',
    ]) {
      const [here, there] = [await sendBytes(management.baseUrl, bytes), await sendBytes(app.baseUrl, bytes)];
      expect([here.status, here.body?.code]).toEqual([there.status, there.body?.code]);
      expect(here.body?.code).toEqual(expect.any(String));
    }
    const large = await management.post('/admin/users', 'x'.repeat(1_100_000));
    expect(large.body.code).toBe('PAYLOAD_TOO_LARGE');
  });

  it('listens on loopback outside production, or on the address in MANAGEMENT_HOST', async () => {
    const { port } = new URL(management.baseUrl);
    expect(await isTaken('127.0.0.1', Number(port))).toBe(true);
    expect(await isTaken('127.0.0.2', Number(port))).toBe(false);

    const other = await freePort();
    const elsewhere = await TestApp.start({
      HTTP_ADAPTER: adapter,
      MANAGEMENT_PORT: String(other),
      MANAGEMENT_HOST: '127.0.0.3',
    });
    try {
      expect(await isTaken('127.0.0.3', other)).toBe(true);
      expect(await isTaken('127.0.0.1', other)).toBe(false);
    } finally {
      await elsewhere.stop();
    }
    const hostIn = (env: Record<string, string>) => loadConfig(env).config.http.managementHost;
    expect(hostIn(PRODUCTION)).toBe('0.0.0.0');
    expect(hostIn({ ...PRODUCTION, MANAGEMENT_HOST: '10.0.0.1' })).toBe('10.0.0.1');
  });

  it('limits the rate of requests like the main port', async () => {
    const port = await freePort();
    const limited = await TestApp.start({
      HTTP_ADAPTER: adapter,
      MANAGEMENT_PORT: String(port),
      THROTTLE_DEFAULT_LIMIT: '3',
    });
    const client = new TestClient(`http://127.0.0.1:${port}`);
    try {
      const statuses: number[] = [];
      for (let i = 0; i < 5; i++) statuses.push((await client.get('/admin/users')).status);
      expect(statuses).toEqual([401, 401, 401, 429, 429]);
    } finally {
      client.close();
      await limited.stop();
    }
  });
});

describe('the connections of a management port', () => {
  it('do not exceed its limit, and the main port still answers', async () => {
    const port = await freePort();
    const app = await ThrottledApp.start('fastify', {
      imports: [ManagementModule.forRoot({ port, maxConnections: 2 })],
    });
    const held = [open('127.0.0.1', port), open('127.0.0.1', port)];
    try {
      await Promise.all(held.map(({ socket }) => once(socket, 'connect')));
      await open('127.0.0.1', port).closed;
      expect((await app.get('/nowhere')).status).toBe(404);
      expect(held.map(({ socket }) => socket.destroyed)).toEqual([false, false]);
    } finally {
      for (const { socket } of held) socket.destroy();
      await app.stop();
    }
  });
});

onBothAdapters('the main port beside a management port', (HTTP_ADAPTER) => {
  it('limits requests to routes that it does not serve', async () => {
    const env = { HTTP_ADAPTER, MANAGEMENT_PORT: String(await freePort()), THROTTLE_DEFAULT_LIMIT: '3' };
    const app = await TestApp.start(env);
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await app.get('/admin/users')).status);
    await app.stop();
    expect(statuses).toEqual([404, 404, 404, 429, 429]);
  });
});
