import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  VersioningType,
  type CallHandler,
  type INestApplication,
  type ModuleMetadata,
  type NestInterceptor,
  type Type,
  type VersioningOptions,
} from '@nestjs/common';
import { APP_INTERCEPTOR, NestFactory, RouterModule } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { afterEach, expect, it } from 'vitest';
import { withRoutes } from '../../src/context/index.js';
import { Public } from '../../src/guards/index.js';
import { HealthModule } from '../../src/health/index.js';
import { ManagementModule } from '../../src/management/index.js';
import { ObservabilityModule } from '../../src/observability/index.js';
import { ShutdownModule } from '../../src/shutdown/index.js';
import { TestClient } from '../support/client.js';
import { createAdapter, onBothAdapters, TestApp } from '../support/harness.js';
import { freePort } from '../support/ports.js';

type Imports = NonNullable<ModuleMetadata['imports']>;

@Injectable()
class Wrapper implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ wrapped: true, data })));
  }
}

@Controller('things')
@Public()
class ThingsController {
  @Get()
  list(): string[] {
    return ['thing'];
  }
}

@Module({ controllers: [ThingsController], providers: [{ provide: APP_INTERCEPTOR, useClass: Wrapper }] })
class ThingsModule {}

const PROBES = ['/health', '/health/live', '/health/ready', '/health/startup', '/health/deep'];
const ALIASES = ['/livez', '/readyz', '/healthz'];

const versionings: Record<string, VersioningOptions | undefined> = {
  'no versioning': undefined,
  'versions in the URI': { type: VersioningType.URI, defaultVersion: '1' },
  'versions in a header': { type: VersioningType.HEADER, header: 'X-Version', defaultVersion: '1' },
  'versions in the media type': { type: VersioningType.MEDIA_TYPE, key: 'v=', defaultVersion: '1' },
  'versions of its own': { type: VersioningType.CUSTOM, extractor: () => '1', defaultVersion: '1' },
};

onBothAdapters('the routes of the suite in an application with its own main.ts', (adapter) => {
  let app: INestApplication | undefined;
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  const logs: unknown[] = [];
  const logger = { log: (line: unknown) => void logs.push(line), warn: () => undefined, error: () => undefined };

  async function start(imports: Imports, prepare: (app: INestApplication) => void = () => undefined) {
    @Module({ imports })
    class ConsumerModule {}
    app = await NestFactory.create(ConsumerModule, createAdapter(adapter), { logger, abortOnError: false });
    prepare(app);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    return new TestClient(`http://127.0.0.1:${port}`);
  }

  const statusesOf = async (client: TestClient, paths: string[], method = 'GET') =>
    Object.fromEntries(
      await Promise.all(paths.map(async (path) => [path, (await client.send(method, path)).status] as const)),
    );
  const all = (paths: string[], status: number) => Object.fromEntries(paths.map((path) => [path, status]));

  it.each(Object.entries(versionings))(
    'stay in their places with a global prefix and %s',
    async (_name, versioning) => {
      const modules = [HealthModule.forRoot({}), ObservabilityModule.forRoot({ metricsOpen: true }), ThingsModule];
      const client = await start(modules, (app) => {
        app.setGlobalPrefix('api', { exclude: ['unrelated'] });
        if (versioning) app.enableVersioning(versioning);
      });
      const paths = [...PROBES, ...ALIASES, '/metrics'];
      expect(await statusesOf(client, paths)).toEqual(all(paths, 200));
      expect(await statusesOf(client, paths, 'HEAD')).toEqual(all(paths, 200));
      expect((await client.get('/api/health')).status).toBe(404);
      const things = versioning?.type === VersioningType.URI ? '/api/v1/things' : '/api/things';
      expect((await client.get(things, { headers: { 'X-Version': '1', Accept: 'application/json;v=1' } })).status).toBe(
        200,
      );
    },
  );

  it('move as a whole with the path of HealthModule, and write no access lines there', async () => {
    logs.length = 0;
    const modules = [
      HealthModule.forRoot({ path: '/internal/probes/' }),
      ObservabilityModule.forRoot({}),
      ThingsModule,
    ];
    const client = await start(modules, (app) => app.setGlobalPrefix('api'));
    const moved = ['', '/live', '/ready', '/startup', '/deep', '/livez', '/readyz', '/healthz'].map(
      (path) => `/internal/probes${path}`,
    );
    expect(await statusesOf(client, moved)).toEqual(all(moved, 200));
    expect(await statusesOf(client, [...PROBES, ...ALIASES])).toEqual(all([...PROBES, ...ALIASES], 404));
    await client.get('/api/things');
    const lines = logs.filter((line) => (line as { msg?: string }).msg === 'request') as { path: string }[];
    expect(lines.map(({ path }) => path).filter((path) => path.startsWith('/internal'))).toEqual([]);
    expect(lines.map(({ path }) => path)).toContain('/api/things');
  });

  it('move with the path of forRootAsync(), which also takes options', async () => {
    const health = HealthModule.forRootAsync({ path: 'probes', useFactory: () => ({ detailsToken: 'token' }) });
    const client = await start([health]);
    const { status, body } = await client.get('/probes', { headers: { Authorization: 'Bearer token' } });
    expect(status).toBe(200);
    expect(body.details.disk.freeBytes).toBeGreaterThan(0);
  });

  it('are not wrapped by an interceptor of the application', async () => {
    const client = await start([
      HealthModule.forRoot({}),
      ObservabilityModule.forRoot({ metricsOpen: true }),
      ThingsModule,
    ]);
    expect((await client.get('/things')).body).toEqual({ wrapped: true, data: ['thing'] });
    const live = await client.get('/livez');
    expect(live.body).toEqual({ status: 'ok', info: {}, error: {}, details: {} });
    expect(live.headers['cache-control']).toBe('no-store');
    const json = await client.get('/health', { headers: { Accept: 'application/health+json' } });
    expect(json.body.status).toBe('pass');
    expect(json.headers['content-type']).toBe('application/health+json; charset=utf-8');
    const metrics = await client.get('/metrics');
    expect(metrics.text).toMatch(/^# HELP /);
    expect(metrics.headers['content-type']).toContain('text/plain; version=0.0.4');
  });

  it('stop the start if a route of the application has the same path, with both places and the remedy', async () => {
    @Controller('health')
    class OwnHealthController {
      @Get('ready')
      ready(): string {
        return 'ready';
      }
    }
    @Module({ controllers: [OwnHealthController] })
    class OrdersModule {}
    await expect(start([HealthModule.forRoot({}), OrdersModule])).rejects.toThrow(
      'GET /health/ready is a route of HealthController of HealthModule (nest-bulwark) and of OwnHealthController of ' +
        'OrdersModule.\n  → give the route of OwnHealthController of OrdersModule another path or remove it, or move ' +
        "those of the suite by HealthModule.forRoot({ path: 'probes' })",
    );
  });

  it('accept a route of the application at the same path with another method, version or module path', async () => {
    @Controller({ path: 'health', version: '1' })
    class OwnHealthController {
      @Get()
      state(): string {
        return 'own';
      }
      @Post()
      report(): string {
        return 'reported';
      }
    }
    @Module({ controllers: [OwnHealthController] })
    class OrdersModule {}
    const imports = [HealthModule.forRoot({}), OrdersModule];
    const versioned = await start(imports, (app) => app.enableVersioning({ type: VersioningType.URI }));
    expect((await versioned.get('/v1/health')).text).toBe('own');
    expect((await versioned.get('/health')).body.status).toBe('ok');
    await app?.close();
    const routed = await start([...imports, RouterModule.register([{ path: 'orders', module: OrdersModule }])]);
    expect((await routed.get('/orders/health')).text).toBe('own');
  });

  it.each<[string, () => { forRoot(options: object): Imports[number] }, object]>([
    ['HealthModule', () => HealthModule as never, { path: 'probes' }],
    ['ShutdownModule', () => ShutdownModule as never, { timeoutMs: 1 }],
    ['ObservabilityModule', () => ObservabilityModule as never, { metricsOpen: true }],
  ])('stop the start if %s is imported twice', async (name, module, options) => {
    @Module({ imports: [module().forRoot(options)] })
    class OrdersModule {}
    await expect(start([module().forRoot({}), OrdersModule])).rejects.toThrow(
      `${name} is imported 2 times, with options of its own each time: by ConsumerModule and OrdersModule.\n` +
        '  → import it once, in the root module',
    );
  });

  it('are on the management port only, also with a global prefix', async () => {
    const port = await freePort();
    const modules = [
      ManagementModule.forRoot({ port }),
      HealthModule.forRoot({}),
      ObservabilityModule.forRoot({ metricsOpen: true }),
    ];
    const main = await start([...modules, ThingsModule], (app) => app.setGlobalPrefix('api'));
    const management = new TestClient(`http://127.0.0.1:${port}`);
    const both = ['/health/live', '/health/ready', '/livez', '/readyz'];
    const managementOnly = ['/health', '/health/deep', '/health/startup', '/healthz', '/metrics'];
    expect(await statusesOf(main, [...both, ...managementOnly])).toEqual({
      ...all(both, 200),
      ...all(managementOnly, 404),
    });
    expect(await statusesOf(management, [...both, ...managementOnly])).toEqual(all([...both, ...managementOnly], 200));
    expect(await statusesOf(management, both, 'HEAD')).toEqual(all(both, 200));
    expect((await main.get('/api/things')).status).toBe(200);
    const { status, body, headers } = await management.get('/api/things');
    expect([status, body.code, headers['content-type']]).toEqual([
      404,
      'NOT_FOUND',
      'application/problem+json; charset=utf-8',
    ]);
    management.close();
  });
});

onBothAdapters('createApp()', (adapter) => {
  const env = { HTTP_ADAPTER: adapter };

  it('answers JWKS outside of the interceptors of the application', async () => {
    const app = await TestApp.start(env, { imports: [ThingsModule] });
    const { body, headers } = await app.get('/.well-known/jwks.json');
    expect(body).toEqual({ keys: [] });
    expect(headers['content-type']).toContain('application/jwk-set+json');
    await app.stop();
  });

  it('moves the probes by the options of its modules', async () => {
    const app = await TestApp.start(env, { options: { health: { path: 'probes' } }, globalPrefix: 'api' });
    expect((await app.get('/probes/ready')).body.status).toBe('ok');
    expect((await app.get('/health/ready')).status).toBe(404);
    await app.stop();
  });

  it('refuses a module that the application imports again without its routes', async () => {
    const again = withRoutes(ObservabilityModule.forRoot({}), false);
    await expect(TestApp.start(env, { imports: [again] })).rejects.toThrow('ObservabilityModule is imported 2 times');
  });

  it('refuses a module of the suite that the application imports again', async () => {
    const again: Type | Imports[number] = HealthModule.forRoot({ path: 'probes' });
    await expect(TestApp.start(env, { imports: [again] })).rejects.toThrow(
      /HealthModule is imported 2 times[^]*createApp\(\)/,
    );
  });
});
