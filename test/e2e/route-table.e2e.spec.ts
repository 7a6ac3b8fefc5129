import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { freePort } from '../support/ports.js';
import { routesOf, type RegisteredRoute } from '../support/route-table.js';

const DENIED_ADDRESS = '127.0.0.66';
const LIMITED_ADDRESS = '127.0.0.67';

/** Platforms poll these. A probe with a rate limit would restart a healthy process. */
const WITHOUT_LIMIT = [
  '/health',
  '/health/live',
  '/health/ready',
  '/health/startup',
  '/health/deep',
  '/livez',
  '/readyz',
  '/healthz',
  '/metrics',
];

/** Answers a CORS preflight with headers only; the guards check the request that follows. */
const PREFLIGHT: RegisteredRoute = { method: 'OPTIONS', path: '*' };

/** Some routes have their own limit of ten requests. */
const MAX_REQUESTS = 11;

const LIMITS = Object.fromEntries(
  ['DEFAULT', 'AUTH', 'AI', 'EXPENSIVE', 'UPLOAD', 'EMAIL', 'WEBHOOK'].map((tier) => [`THROTTLE_${tier}_LIMIT`, '1']),
);

onBothAdapters('every registered route', (adapter) => {
  describe.each([false, true])('with a management port: %s', (hasManagementPort) => {
    let app: TestApp;
    let ports: TestClient[];
    let routes: RegisteredRoute[];

    beforeAll(async () => {
      const managementPort = await freePort();
      app = await TestApp.start({
        HTTP_ADAPTER: adapter,
        IP_DENY: DENIED_ADDRESS,
        CORS_ORIGINS: 'https://app.example',
        ...LIMITS,
        ...(hasManagementPort && { MANAGEMENT_PORT: String(managementPort) }),
      });
      ports = [app, ...(hasManagementPort ? [new TestClient(`http://127.0.0.1:${managementPort}`)] : [])];
      routes = routesOf(app.app).filter(({ method, path }) => method !== PREFLIGHT.method || path !== PREFLIGHT.path);
    });
    afterAll(async () => {
      for (const port of ports.slice(1)) port.close();
      await app.stop();
    });

    /** Sends the request to every port. A port that does not serve the route answers 404. */
    async function statusesOf({ method, path }: RegisteredRoute, from: string, wanted: number): Promise<number[]> {
      const url = path.replace(/:[A-Za-z]+/g, '1');
      const statuses: number[] = [];
      for (const port of ports) {
        let { status } = await port.send(method, url, { from });
        for (let sent = 1; sent < MAX_REQUESTS && wanted === 429 && ![429, 404].includes(status); sent += 1) {
          ({ status } = await port.send(method, url, { from }));
        }
        statuses.push(status);
      }
      return statuses;
    }

    const nameOf = ({ method, path }: RegisteredRoute) => `${method} ${path}`;

    async function routesNotAnswered(wanted: number, candidates: RegisteredRoute[], from: string): Promise<string[]> {
      const others: string[] = [];
      for (const route of candidates) {
        const statuses = await statusesOf(route, from, wanted);
        const isRefused = statuses.includes(wanted) && statuses.every((status) => status === wanted || status === 404);
        if (!isRefused) others.push(`${nameOf(route)}: ${statuses.join(', ')}`);
      }
      return others;
    }

    it('is in the list, including routes outside of Nest controllers', () => {
      const names = routes.map(nameOf);
      expect(names).toEqual(expect.arrayContaining(['GET /docs/openapi.json', 'GET /docs/:file', 'GET /health/live']));
      expect(names.length).toBeGreaterThan(100);
    });

    it('refuses an address that is denied', async () => {
      expect(await routesNotAnswered(403, routes, DENIED_ADDRESS)).toEqual([]);
    });

    it('has a rate limit, except probes and metrics', async () => {
      const limited = routes.filter(({ path }) => !WITHOUT_LIMIT.includes(path));
      expect(await routesNotAnswered(429, limited, LIMITED_ADDRESS)).toEqual([]);
    });

    it('has no catch-all handler in front: an unknown path returns NOT_FOUND', async () => {
      expect((await app.get('/no-such-route')).body.code).toBe('NOT_FOUND');
      expect((await app.get('/')).body.code).toBe('NOT_FOUND');
    });
  });
});
