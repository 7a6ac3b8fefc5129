import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestClient } from '../support/client.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { freePort } from '../support/ports.js';

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
    'takes %s from the main port',
    async (path) => {
      const answer = await app.get(path);
      expect(answer.status).toBe(404);
      expect(answer.body.code).toBe('NOT_FOUND');
    },
  );

  it.each(['/health/live', '/health/ready', '/livez', '/readyz'])(
    'leaves %s on the main port, whose state no other port can tell',
    async (path) => {
      expect((await app.get(path)).status).toBe(200);
    },
  );

  it.each(['/admin/users', '/admin/rate-limits/blocked', '/audit/events', '/audit/verify'])(
    'has administrators come for %s',
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
