import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestApp } from '../support/harness.js';

const LEAKED = 'a leaked password that no list of ours has';

let service: Server;
let url: string;
beforeAll(async () => {
  const hash = createHash('sha1').update(LEAKED).digest('hex').toUpperCase();
  service = createServer((request, response) =>
    response.end(request.url === `/range/${hash.slice(0, 5)}` ? `${hash.slice(5)}:7\r\n` : ''),
  ).listen(0, '127.0.0.1');
  await once(service, 'listening');
  url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/range/`;
});
afterAll(() => service.close());

const register = (app: TestApp, password: string) =>
  app.post('/auth/register', { email: `${randomUUID()}@example.com`, password, name: 'X' });

it('a leaked password is refused if a service is configured, and accepted otherwise', async () => {
  const plain = await TestApp.start();
  // This application starts last, because Nest logs to the newest application of a process.
  const asking = await TestApp.start({ BREACHED_PASSWORDS_URL: url, METRICS_TOKEN: 'token' });
  try {
    const refused = await register(asking, LEAKED);
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toEqual([expect.objectContaining({ path: 'password', code: 'passwordBreached' })]);
    expect((await register(asking, 'correct horse battery')).status).toBe(201);
    expect((await register(plain, LEAKED)).status).toBe(201);

    // While the service is down, every password is accepted. A log line and a metric show it.
    await new Promise((resolve) => {
      service.close(resolve);
      service.closeAllConnections();
    });
    expect((await register(asking, LEAKED)).status).toBe(201);
    expect(asking.logs.some(({ msg }) => /could not be checked against known leaks/.test(msg))).toBe(true);
    const { text } = await asking.get('/metrics', { headers: { Authorization: 'Bearer token' } });
    for (const result of ['breached', 'clean', 'failed']) {
      expect(text).toContain(`auth_breached_password_checks_total{result="${result}"} 1`);
    }
  } finally {
    await Promise.all([asking.stop(), plain.stop()]);
  }
});
