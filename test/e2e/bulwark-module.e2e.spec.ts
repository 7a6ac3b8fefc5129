import { randomUUID } from 'node:crypto';
import {
  Body,
  Controller,
  Get,
  Module,
  Post,
  ValidationPipe,
  VersioningType,
  type DynamicModule,
  type INestApplication,
  type LoggerService,
} from '@nestjs/common';
import { IsInt } from 'class-validator';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BulwarkModule, createAdapter, fromEnvironment, hardenApp } from '../../src/index.js';
import { AuthModule } from '../../src/auth/index.js';
import { currentContext, withRoutes } from '../../src/context/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';
import { Public } from '../../src/guards/index.js';
import { testDatabase } from '../support/database.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { KeptLog, PlainApp } from '../support/plain-app.js';
import { expectProblem } from '../support/suite-modules.js';
import { until } from '../support/until.js';

class OrderDto {
  @IsInt()
  amount!: number;
}

@Controller('orders')
@Public()
class OrdersController {
  @Post()
  order(@Body() { amount }: OrderDto): object {
    return { amount };
  }

  @Get('address')
  address(): object {
    return { address: currentContext()?.clientAddress };
  }
}

@Controller('closed')
class ClosedController {
  @Get()
  closed(): string {
    return 'closed';
  }
}

@Module({ controllers: [OrdersController] })
class OrdersModule {}

const environment = async () => ({
  NODE_ENV: 'test',
  DATABASE_URL: await testDatabase(),
  JWT_SECRET: 'a secret of the test suite, long enough for HS256',
  BCRYPT_COST: '4',
});

onBothAdapters('BulwarkModule with hardenApp()', (adapter) => {
  let app: PlainApp;
  const log = new KeptLog();
  beforeAll(async () => {
    const imports = [BulwarkModule.forRoot(fromEnvironment(await environment())), OrdersModule];
    app = await PlainApp.start(adapter, { imports }, (own) => {
      own.setGlobalPrefix('api');
      hardenApp(own, { logger: log, signals: false, isQuiet: (path) => path === '/api/orders/address' });
    });
  });
  afterAll(() => app.stop());

  it('validates the input of every route, and answers with problem documents', async () => {
    expectProblem(await app.post('/api/orders', { amount: 'many' }), 400, 'VALIDATION_FAILED');
    expectProblem(await app.post('/api/orders', '{"amount":'), 400, 'MALFORMED_JSON');
    expectProblem(await app.get('/api/no/such/route'), 404, 'NOT_FOUND');
    expect((await app.post('/api/orders', { amount: 3 })).body).toEqual({ amount: 3 });
  });

  it('serves the routes of the suite under the prefix of the application', async () => {
    const user = { email: `own-main-${adapter}@example.com`, password: 'correct horse battery', name: 'Ada' };
    expect((await app.post('/api/auth/register', user)).status).toBe(201);
    expect((await app.get('/api/docs')).text).toContain('<title>nest-bulwark API</title>');
    expect((await app.get('/api/docs/openapi.json')).body.paths).toHaveProperty('/api/orders');
  });

  it("writes access lines to the application's logger, but none for probes and quiet paths", async () => {
    log.lines.length = 0;
    await app.get('/readyz');
    await app.get('/api/orders/address');
    const { headers } = await app.post('/api/orders', { amount: 1 });
    const lines = () =>
      log.lines.map(({ message }) => message as { msg?: string }).filter(({ msg }) => msg === 'request');
    await until('the access line is written', () => lines().length > 0);
    expect(lines()).toMatchObject([
      { requestId: headers['x-request-id'], method: 'POST', path: '/api/orders', status: 201, address: '127.0.0.1' },
    ]);
  });
});

describe('hardenApp()', () => {
  it('names the module that is missing', async () => {
    await expect(PlainApp.start('express', { imports: [OrdersModule] }, (own) => hardenApp(own))).rejects.toThrow(
      'hardenApp() needs SecurityModule.\n  → add it to the imports of the root module',
    );
  });
});

onBothAdapters('trust in proxies', (adapter) => {
  const forwarded = { headers: { 'X-Forwarded-For': '203.0.113.9' } };

  it('is that of createAdapter()', async () => {
    const app = await PlainApp.start(
      await createAdapter({ adapter, trustProxy: 1 }),
      { imports: [BulwarkModule.forRoot(fromEnvironment(await environment())), OrdersModule] },
      (own) => hardenApp(own, { signals: false, logger: new KeptLog() }),
    );
    expect((await app.get('/orders/address', forwarded)).body).toEqual({ address: '203.0.113.9' });
    await app.stop();
  });

  it.runIf(adapter === 'fastify')('of hardenApp() fails the start on Fastify, with the line to add', async () => {
    await expect(startTrusting()).rejects.toThrow(
      `await createAdapter({ adapter: 'fastify', trustProxy: ["127.0.0.1"] })`,
    );
  });

  it.runIf(adapter === 'express')('is that of hardenApp() on Express', async () => {
    const app = await startTrusting();
    expect((await app.get('/orders/address', forwarded)).body).toEqual({ address: '203.0.113.9' });
    await app.stop();
  });

  async function startTrusting(): Promise<PlainApp> {
    const imports = [BulwarkModule.forRoot(fromEnvironment(await environment())), OrdersModule];
    return PlainApp.start(adapter, { imports }, (own) =>
      hardenApp(own, { signals: false, logger: new KeptLog(), trustProxy: ['127.0.0.1'] }),
    );
  }
});

class CreateCats1700000000000 implements MigrationInterface {
  up = (runner: QueryRunner) => runner.query('CREATE TABLE IF NOT EXISTS cats (name text)');
  down = (runner: QueryRunner) => runner.query('DROP TABLE cats');
}

onBothAdapters('createApp() with options', (adapter) => {
  let app: TestApp;
  let created: INestApplication;
  const ofVersion2 = { headers: { 'X-Version': '2' } };
  const log: LoggerService & KeptLog = new KeptLog();
  beforeAll(async () => {
    app = await TestApp.start(
      { HTTP_ADAPTER: adapter },
      {
        imports: [OrdersModule],
        options: { auth: { issuer: 'https://shop.example' }, security: { limits: { bodyBytes: 50 } } },
        without: ['tenants', 'apiKeys'],
        migrations: [CreateCats1700000000000],
        roles: { Baker: { permissions: ['bread:bake'] } },
        globalPrefix: 'shop',
        versioning: { type: VersioningType.HEADER, header: 'X-Version', defaultVersion: '2' },
        docs: { title: 'Shop & more' },
        logger: log,
        configure: (own) => void own.useGlobalPipes(new ValidationPipe()),
      },
    );
    created = app.app;
  });
  afterAll(() => app.stop());

  it('uses the options of modules beside those of the environment', async () => {
    const large = await app.post('/shop/orders', { amount: 1, text: 'x'.repeat(100) }, ofVersion2);
    expectProblem(large, 413, 'PAYLOAD_TOO_LARGE');
  });

  it('leaves modules out', async () => {
    expectProblem(await app.get('/shop/tenants'), 404, 'NOT_FOUND');
    expectProblem(await app.get('/shop/api-keys'), 404, 'NOT_FOUND');
  });

  it('runs the migrations of the application after those of the suite', async () => {
    expect(await created.get(DataSource).query(`SELECT to_regclass('cats')::text AS cats`)).toEqual([{ cats: 'cats' }]);
  });

  it('uses prefix, versioning, title and logger', async () => {
    expect((await app.get('/shop/docs')).text).toContain('<title>Shop &#38; more API</title>');
    expect((await app.get('/shop/docs/openapi.json')).body.info).toMatchObject({ title: 'Shop & more' });
    expect((await app.post('/shop/orders', { amount: 2 }, ofVersion2)).body).toEqual({ amount: 2 });
    await until('a line is logged', () => log.lines.length > 0);
    expect(app.logs).toEqual([]);
  });
});

onBothAdapters('the routes of a module', (adapter) => {
  const auth = () => AuthModule.forRoot({ secret: 'a secret of the test suite, long enough for HS256', bcryptCost: 4 });
  const user = () => ({ email: `${randomUUID()}@example.com`, password: 'correct horse battery', name: 'Ada' });
  const start = async (module: DynamicModule) => {
    const database = DatabaseModule.forRoot({ url: await testDatabase(), migrations, poolMin: 0 });
    return PlainApp.start(adapter, { imports: [database, module], controllers: [ClosedController] }, (own) => {
      own.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    });
  };

  it('are left out, and the module still guards the routes of the application', async () => {
    const app = await start(withRoutes(auth(), false));
    for (const path of ['/auth/login', '/v1/auth/login', '/auth/register']) {
      expect([path, (await app.post(path, user())).status]).toEqual([path, 404]);
    }
    expectProblem(await app.get('/v1/closed'), 401, 'AUTH_TOKEN_MISSING');
    await app.stop();
  });

  it('move to another prefix and version, with their validation and their guards', async () => {
    const app = await start(withRoutes(auth(), { prefix: '/internal/', version: '7' }));
    expect((await app.post('/auth/register', user())).status).toBe(404);
    expectProblem(await app.post('/v7/internal/auth/register', { email: 'no' }), 400, 'VALIDATION_FAILED');
    const { status, body } = await app.post('/v7/internal/auth/register', user());
    expect(status).toBe(201);
    expectProblem(await app.get('/v7/internal/auth/profile'), 401, 'AUTH_TOKEN_MISSING');
    expect((await app.get('/v7/internal/auth/profile', { token: body.accessToken })).status).toBe(200);
    expect((await app.get('/v1/closed', { token: body.accessToken })).text).toBe('closed');
    expect((await app.get('/.well-known/jwks.json')).status).toBe(200);
    await app.stop();
  });

  it('are those of the option of createApp()', async () => {
    const routes = { tenants: false, auth: { prefix: 'accounts' } } as const;
    const app = await TestApp.start({ HTTP_ADAPTER: adapter }, { routes });
    expect((await app.post('/v1/accounts/auth/register', user())).status).toBe(201);
    expectProblem(await app.get('/v1/tenants'), 404, 'NOT_FOUND');
    expect((await app.get('/livez')).status).toBe(200);
    await app.stop();
  });
});

it('createApp() without documentation has no route for it', async () => {
  const app = await TestApp.start({}, { docs: false });
  expectProblem(await app.get('/docs'), 404, 'NOT_FOUND');
  await app.stop();
});
