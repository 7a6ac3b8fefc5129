import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, Injectable, Post, type ModuleMetadata } from '@nestjs/common';
import { expect } from 'vitest';
import { ApiKeysModule } from '../../src/api-keys/index.js';
import { Audited, AuditModule, AuditService } from '../../src/audit/index.js';
import { AuthModule, CurrentUser } from '../../src/auth/index.js';
import { AuthorizationModule, Permissions, Roles } from '../../src/authorization/index.js';
import { Cached, CacheModule } from '../../src/cache/index.js';
import { currentContext, type Principal } from '../../src/context/index.js';
import { ConventionsModule, CursorCodec } from '../../src/conventions/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { Authenticated, Public } from '../../src/guards/index.js';
import { HealthModule } from '../../src/health/index.js';
import { Idempotent, IdempotencyModule } from '../../src/idempotency/index.js';
import { migrations } from '../../src/migrations.js';
import { ObservabilityModule } from '../../src/observability/index.js';
import { PeriodicTask, PeriodicTasksModule } from '../../src/periodic-tasks/index.js';
import { ThrottleTier } from '../../src/ports/index.js';
import { SecurityModule } from '../../src/security/index.js';
import { TenantScope, TenantsModule, TenantsService } from '../../src/tenants/index.js';
import { ThrottlerModule } from '../../src/throttler/index.js';
import type { Answer } from './client.js';
import type { PlainApp } from './plain-app.js';
import { until } from './until.js';

type Imports = NonNullable<ModuleMetadata['imports']>;

/** A module of the suite in an application with its own `main.ts`: how it is imported, and what it then guarantees. */
export interface SuiteModule {
  readonly name: string;
  readonly imports: (databaseUrl: string) => Imports;
  readonly providers?: NonNullable<ModuleMetadata['providers']>;
  readonly controllers?: NonNullable<ModuleMetadata['controllers']>;
  /** Whether the module gives each request a context. @default true */
  readonly bringsContext?: boolean;
  /** Fails if the module does not work in this application. */
  readonly check: (app: PlainApp) => Promise<void>;
  /** Fails if the module did not work while the application closed. */
  readonly checkClosed?: () => void;
}

const PASSWORD = 'correct horse battery';

/** Expects a problem document with all its members. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.body).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    status,
    detail: expect.any(String),
    code,
    requestId: answer.headers['x-request-id'],
  });
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
}

/** The route of an application that every module must give a request context. */
@Controller('things')
@Public()
export class ThingsController {
  @Post()
  echo(@Body() body: unknown): unknown {
    return body;
  }

  @Get('context')
  context(): object {
    const { requestId, clientAddress, route } = currentContext() ?? {};
    return { requestId, clientAddress, route };
  }
}

export async function expectContext(app: PlainApp): Promise<void> {
  const { headers, body } = await app.get('/things/context');
  expect(body).toEqual({
    requestId: headers['x-request-id'],
    clientAddress: '127.0.0.1',
    route: 'GET /things/context',
  });
  expect(body.requestId).toEqual(expect.any(String));
}

@Controller('limited')
@Public()
class LimitedController {
  @Get()
  @ThrottleTier('small')
  limited(): string {
    return 'limited';
  }
}

@Controller('audited')
@Public()
class AuditedController {
  @Post()
  @Audited({ action: 'thing.made', target: 'thing:1', delivery: 'strict' })
  make(): string {
    return 'made';
  }
}

@Injectable()
class Prices {
  loads = 0;

  @Cached({ ttlMs: 60_000 })
  async load(): Promise<{ loads: number }> {
    return { loads: ++this.loads };
  }
}

@Controller('prices')
@Public()
class PricesController {
  constructor(private readonly prices: Prices) {}

  @Get()
  list(): Promise<object> {
    return this.prices.load();
  }
}

@Controller('orders')
@Public()
class OrdersController {
  private orders = 0;

  @Post()
  @Idempotent()
  order(@Body() body: object): object {
    return { ...body, number: ++this.orders };
  }
}

@Controller('reports')
class ReportsController {
  @Get()
  @Roles('Admin')
  report(): string {
    return 'secret';
  }
}

@Controller('tenant-data')
class TenantDataController {
  constructor(private readonly scope: TenantScope) {}

  @Get()
  @Authenticated()
  async tenant(): Promise<object> {
    return this.scope.run(async (manager) => {
      const [row] = (await manager.query(`SELECT current_setting('app.tenant_id', true) AS tenant`)) as object[];
      return row ?? {};
    });
  }
}

@Controller('machines')
class MachinesController {
  @Get()
  @Permissions('reports:read')
  caller(@CurrentUser() user: Principal): Principal {
    return user;
  }
}

@Injectable()
class Sweeper {
  runs = 0;

  @PeriodicTask({ everyMs: 20, scope: 'replica' })
  sweep(): void {
    this.runs++;
  }
}

const database = (url: string) => DatabaseModule.forRoot({ url, migrations, poolMin: 0, poolMax: 2 });
const ADMIN = { email: 'root@example.com', password: PASSWORD };
const auth = () =>
  AuthModule.forRoot({ secret: 'a secret of the test suite, long enough for HS256', bcryptCost: 4, admin: ADMIN });

async function register(app: PlainApp): Promise<{ id: string; token: string; email: string }> {
  const email = `${randomUUID()}@example.com`;
  const { status, body } = await app.post('/auth/register', { email, password: PASSWORD, name: 'Ada' });
  expect(status).toBe(201);
  return { id: body.user.id, token: body.accessToken, email };
}

async function checkAuth(app: PlainApp): Promise<void> {
  const invalid = await app.post('/auth/register', { email: 'notanemail', name: '' });
  expectProblem(invalid, 400, 'VALIDATION_FAILED');
  expect(new Set(invalid.body.errors.map(({ path }: { path: string }) => path))).toEqual(
    new Set(['email', 'name', 'password']),
  );
  const missing = await app.get('/auth/profile');
  expectProblem(missing, 401, 'AUTH_TOKEN_MISSING');
  expect(missing.headers['www-authenticate']).toMatch(/^Bearer/);
  const { token, email } = await register(app);
  expect((await app.get('/auth/profile', { token })).body).toMatchObject({ email });
  expectProblem(await app.post('/auth/login', { email, password: 'wrong password' }), 401, 'AUTH_CREDENTIALS_INVALID');
  expect((await app.post('/auth/login', { email, password: PASSWORD })).status).toBe(200);
}

export const SUITE_MODULES: readonly SuiteModule[] = [
  {
    name: 'HealthModule',
    imports: () => [HealthModule.forRoot({})],
    check: async (app) => {
      for (const path of ['/livez', '/readyz', '/health/live', '/health/ready']) {
        expect([path, (await app.get(path)).status]).toEqual([path, 200]);
      }
    },
  },
  {
    name: 'ObservabilityModule',
    imports: () => [ObservabilityModule.forRoot({ metricsOpen: true })],
    check: async (app) => {
      await app.get('/things/context');
      const { text } = await app.get('/metrics');
      expect(text).toMatch(
        /http_server_request_duration_seconds_count\{method="GET",route="\/things\/context",status="200"/,
      );
    },
  },
  {
    name: 'SecurityModule',
    imports: () => [SecurityModule.forRoot({ limits: { bodyBytes: 10_000 } })],
    check: async (app) => {
      const { headers } = await app.get('/things/context');
      expect(headers['x-content-type-options']).toBe('nosniff');
      const large = await app.post('/things', { text: 'x'.repeat(20_000) });
      expect(large.status).toBe(413);
      expect(large.headers['x-content-type-options']).toBe('nosniff');
      expectProblem(await app.send('PROPFIND', '/things/context'), 405, 'METHOD_NOT_ALLOWED');
    },
  },
  {
    name: 'ThrottlerModule',
    imports: () => [ThrottlerModule.forRoot({ tiers: { small: { limit: 2, ttlMs: 60_000 } } })],
    controllers: [LimitedController],
    check: async (app) => {
      expect((await app.get('/limited')).status).toBe(200);
      expect((await app.get('/limited')).status).toBe(200);
      const refused = await app.get('/limited');
      expectProblem(refused, 429, 'RATE_LIMITED');
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    },
  },
  {
    name: 'AuditModule',
    imports: (url) => [database(url), AuditModule.forRoot({ flushIntervalMs: 20 })],
    controllers: [AuditedController],
    check: async (app) => {
      const { headers, status } = await app.post('/audited');
      expect(status).toBe(201);
      const requestId = String(headers['x-request-id']);
      expect(await app.app.get(AuditService).findByRequest(requestId)).toMatchObject([
        { action: 'thing.made', address: '127.0.0.1', route: 'POST /audited', requestId, target: 'thing:1' },
      ]);
    },
  },
  { name: 'AuthModule', imports: (url) => [database(url), auth()], check: checkAuth },
  {
    name: 'AuthorizationModule',
    imports: () => [AuthorizationModule.forRoot({ roles: { Auditor: {} } })],
    controllers: [ReportsController],
    check: async (app) => {
      // Nobody is authenticated, so nobody has the role.
      const refused = await app.get('/reports');
      expect([401, 403]).toContain(refused.status);
      expectProblem(refused, refused.status, refused.body.code);
    },
  },
  {
    name: 'TenantsModule',
    imports: (url) => [database(url), auth(), TenantsModule],
    controllers: [TenantDataController],
    check: async (app) => {
      const owner = await register(app);
      expectProblem(await app.get('/tenant-data', { token: owner.token }), 403, 'TENANT_REQUIRED');
      const tenants = app.app.get(TenantsService, { strict: false });
      const tenant = await tenants.create(`Acme ${randomUUID()}`, owner.id);
      const { body } = await app.post('/auth/switch-tenant', { tenantId: tenant.id }, { token: owner.token });
      expect([body.code, body.accessToken]).toEqual([undefined, expect.any(String)]);
      expect((await app.get('/tenant-data', { token: body.accessToken })).body).toEqual({ tenant: tenant.id });
    },
  },
  {
    name: 'ApiKeysModule',
    imports: (url) => [database(url), auth(), ApiKeysModule],
    controllers: [MachinesController],
    check: async (app) => {
      const token = (await app.post('/auth/login', ADMIN)).body.accessToken;
      expectProblem(await app.post('/api-keys', { name: '' }, { token }), 400, 'VALIDATION_FAILED');
      const { body, status } = await app.post('/api-keys', { name: 'robot', permissions: ['reports:read'] }, { token });
      expect(status).toBe(201);
      const caller = await app.get('/machines', { headers: { Authorization: `Bearer ${body.key}` } });
      expect(caller.body).toMatchObject({ id: body.userId ?? expect.any(String), apiKey: expect.anything() });
    },
  },
  {
    name: 'CacheModule',
    imports: () => [CacheModule.forRoot({})],
    providers: [Prices],
    controllers: [PricesController],
    check: async (app) => {
      const first = (await app.get('/prices')).body;
      expect((await app.get('/prices')).body).toEqual(first);
    },
  },
  {
    name: 'ConventionsModule',
    bringsContext: false,
    imports: () => [ConventionsModule.forRoot({})],
    check: async (app) => {
      expect(app.app.get(CursorCodec)).toBeInstanceOf(CursorCodec);
    },
  },
  {
    name: 'IdempotencyModule',
    imports: () => [IdempotencyModule.forRoot({})],
    controllers: [OrdersController],
    check: async (app) => {
      const call = { headers: { 'Idempotency-Key': randomUUID() } };
      const first = await app.post('/orders', { item: 'tea' }, call);
      expect(first.status).toBe(201);
      expect((await app.post('/orders', { item: 'tea' }, call)).text).toBe(first.text);
      expectProblem(await app.post('/orders', { item: 'milk' }, call), 422, 'IDEMPOTENCY_KEY_REUSED');
    },
  },
  {
    name: 'PeriodicTasksModule',
    bringsContext: false,
    imports: () => [PeriodicTasksModule.forRoot()],
    providers: [Sweeper],
    check: (app) => until('the task has run', () => app.app.get(Sweeper).runs > 0),
  },
];
