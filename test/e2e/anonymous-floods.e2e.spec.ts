import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { Controller, Get, Module, VERSION_NEUTRAL } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { createApiKey } from '../../src/api-keys/api-key-format.js';
import { AuditService } from '../../src/audit/index.js';
import { TestClient } from '../support/client.js';
import { controllerRoutes, type ControllerRoute } from '../support/controller-routes.js';
import { ownDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { amountOf } from '../support/long-form.js';
import { freePort } from '../support/ports.js';

/** Requests to each route with each kind of credentials. */
const ROUNDS = amountOf('FLOOD_ROUNDS', { short: 3, long: 50 });
const PER_CLIENT_AND_MINUTE = 100;

/** In production only administrators can call them; elsewhere each call creates accounts and events. */
const SELF_TESTS = /^\/(?:v1\/)?production-test/;
/** Probes and metrics run at their own pace and write no events. */
const PROBES = /^\/(?:health|livez|readyz|healthz|metrics)/;

@Public()
@Controller({ path: 'broken', version: VERSION_NEUTRAL })
class BrokenController {
  @Get()
  broken() {
    throw new TypeError('broken by anybody');
  }
}

@Module({ controllers: [BrokenController] })
class BrokenModule {}

const bodyOf = (email: string) => ({
  email,
  password: 'not the password of anybody',
  name: 'Some One',
  token: 'x'.repeat(43),
  mfaToken: 'x'.repeat(43),
  refreshToken: `${randomUUID()}.${'x'.repeat(43)}`,
});

const CREDENTIALS: Record<string, () => Record<string, string>> = {
  none: () => ({}),
  'a made-up access token': () => ({ Authorization: `Bearer eyJhbGciOiJIUzI1NiJ9.${randomUUID()}.x` }),
  'a made-up API key': () => ({ Authorization: `Bearer ${createApiKey(randomUUID()).key}` }),
  'an origin of its own': () => ({ Origin: `https://${randomUUID()}.example` }),
};

onBothAdapters('anonymous floods', (HTTP_ADAPTER) => {
  describe.each([false, true])('with a management port: %s', (hasManagementPort) => {
    let app: TestApp;
    let clients: TestClient[];
    let routes: ControllerRoute[];
    let mails: Awaited<ReturnType<typeof testFolder>>;
    let victim: string;

    beforeAll(async () => {
      mails = await testFolder();
      const port = hasManagementPort ? await freePort() : undefined;
      const limits = { THROTTLE_AUTH_LIMIT: '10', THROTTLE_EMAIL_LIMIT: '50', THROTTLE_FAILED_LOGIN_LIMIT: '5' };
      app = await TestApp.start(
        {
          HTTP_ADAPTER,
          ...limits,
          DATABASE_URL: await ownDatabase(),
          PRODUCTION_TEST_ENABLED: 'false',
          MAIL_URL: `file:${mails.path}`,
          CORS_ORIGINS: 'https://app.example.com',
          AUDIT_API_REQUESTS: 'none',
          ...(port !== undefined && { MANAGEMENT_PORT: String(port) }),
        },
        { imports: [BrokenModule] },
      );
      clients = [app, ...(port === undefined ? [] : [new TestClient(`http://127.0.0.1:${port}`)])];
      routes = controllerRoutes(app.app).filter(({ path }) => !SELF_TESTS.test(path) && !PROBES.test(path));
      victim = (await app.register()).email;
    });
    afterAll(async () => {
      clients.slice(1).forEach((client) => client.close());
      await app.stop();
      await mails.stop();
    });

    const rows = async () => {
      await app.auditOf('-');
      return app.sql('SELECT action, outcome, route, target, metadata FROM audit_events ORDER BY id');
    };
    const flood = async (from: string, credentials: () => Record<string, string>) => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const client of clients) {
          const calls = routes.map(({ method, path }) =>
            client.send(
              method,
              path.replaceAll(/:\w+/g, () => randomUUID()),
              {
                from,
                headers: credentials(),
                body: method === 'GET' ? undefined : bodyOf(victim),
              },
            ),
          );
          await Promise.all(calls);
        }
      }
    };

    it('include the admin routes', () => {
      expect(routes.length).toBeGreaterThan(40);
      expect(routes).toContainEqual({ method: 'GET', path: '/admin/users' });
    });

    it.each(Object.entries(CREDENTIALS).map((entry, i) => [...entry, `127.9.0.${i + 1}`] as const))(
      'create a bounded number of audit events: %s',
      { tags: 'long', timeout: 300_000 },
      async (_name, credentials, from) => {
        const earlier = (await rows()).length;
        await flood(from, credentials);
        const events = (await rows()).slice(earlier);
        expect(events.filter(({ action }) => action === 'admin.action')).toEqual([]);
        // Violations have a separate limit.
        expect(events.length).toBeLessThanOrEqual(PER_CLIENT_AND_MINUTE + 10 + 10);
        const denials = events.filter(({ action, target }) => action === 'access.denied' && target === null);
        const kinds = denials.map(({ route, metadata }) => `${route} ${metadata.code} ${metadata.reason}`);
        expect(kinds.length).toBe(new Set(kinds).size);
      },
    );

    it('send a bounded number of mails', async () => {
      const { length } = await readdir(mails.path);
      expect(length).toBeLessThanOrEqual(10 * Object.keys(CREDENTIALS).length);
    });

    it('write a bounded number of warnings and errors to the log', () => {
      const lines = app.logs.filter(({ level, msg }) => /^(?:warn|error|fatal)$/.test(level) && msg !== 'request');
      const broken = lines.filter(({ msg }) => msg === 'request failed');
      expect(broken.length).toBeLessThanOrEqual(2 * 20);
      expect(lines.length - broken.length).toBeLessThanOrEqual(20);
    });

    it('write a bounded number of access lines', () => {
      for (const from of Object.keys(CREDENTIALS).map((_name, i) => `127.9.0.${i + 1}`)) {
        const lines = app.logs.filter(({ msg, address }) => msg === 'request' && String(address).endsWith(from));
        expect(lines.filter(({ status }) => Number(status) >= 400).length).toBeLessThanOrEqual(2 * 300);
      }
    });

    it('do not hide the events of another client', async () => {
      const earlier = (await rows()).length;
      await app.get('/audit/events', {
        from: '127.9.0.99',
        headers: { Authorization: `Bearer ${createApiKey(randomUUID()).key}` },
      });
      await app.get('/auth/profile', { from: '127.9.0.99', headers: { Origin: 'https://evil.example' } });
      const events = (await rows()).slice(earlier);
      expect(events.filter(({ metadata }) => metadata.origin === 'https://evil.example')).toHaveLength(1);
      // With a management port, the main port does not serve this route.
      const denials = events.filter(({ action }) => action === 'access.denied');
      expect(denials).toHaveLength(hasManagementPort ? 0 : 1);
    });

    it('have their totals recorded when the process ends', async () => {
      const audit = app.app.get(AuditService);
      await audit.onShutdown();
      const events = await rows();
      const summaries = events.filter(
        ({ metadata }) => metadata.rule === 'anonymous_events' || metadata.ended === true,
      );
      expect(summaries.length).toBeGreaterThan(0);
      for (const { metadata } of summaries) expect(Number(metadata.unreported ?? metadata.count)).toBeGreaterThan(1);
    });
  });
});
