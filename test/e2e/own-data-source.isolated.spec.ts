import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Module,
  Post,
  VersioningType,
  type DynamicModule,
  type INestApplication,
  type ModuleMetadata,
} from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { InjectRepository, TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import {
  Column,
  DataSource,
  Entity,
  PrimaryGeneratedColumn,
  type MigrationInterface,
  type QueryRunner,
  type Repository,
} from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeysModule, apiKeysMigrations } from '../../src/api-keys/index.js';
import { AuditModule, AuditService, auditMigrations } from '../../src/audit/index.js';
import { AuthModule, authMigrations, Public } from '../../src/auth/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { Idempotent, IdempotencyModule, idempotencyMigrations } from '../../src/idempotency/index.js';
import { HealthModule } from '../../src/health/index.js';
import { migrations } from '../../src/migrations.js';
import { PeriodicTasks, PeriodicTasksModule } from '../../src/periodic-tasks/index.js';
import { createValidationPipe } from '../../src/security/index.js';
import { TenantsModule, TenantsService, tenantsMigrations } from '../../src/tenants/index.js';
import { UsersModule, UsersService, usersMigrations } from '../../src/users/index.js';
import { TestClient } from '../support/client.js';
import { freshDatabase, query, sqlSeeingAll } from '../support/database.js';
import { onBothAdapters } from '../support/harness.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const secret = 'a secret of the test suite, long enough for HS256';
const auth = { secret, bcryptCost: 4 };

@Entity('orders')
class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('text')
  article!: string;
}

class CreateOrders1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE orders (id serial PRIMARY KEY, article text NOT NULL)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE orders');
  }
}

@Controller('orders')
@Public()
class OrdersController {
  constructor(@InjectRepository(Order, 'shop') private readonly orders: Repository<Order>) {}

  @Post()
  @Idempotent()
  @HttpCode(201)
  add(@Body('article') article: string): Promise<Order> {
    return this.orders.save({ article });
  }

  @Get()
  list(): Promise<Order[]> {
    return this.orders.find();
  }
}

/** The tables of the suite in a database, in any order. */
async function suiteTables(url: string): Promise<string[]> {
  const { rows } = await query(
    url,
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND relname ~ '^(users|auth_|audit_|tenant|api_keys|idempotency|periodic|mail_)'`,
  );
  return (rows as { name: string }[]).map(({ name }) => name);
}

async function start(
  imports: ModuleMetadata['imports'],
  adapter = 'express',
  extra: Pick<ModuleMetadata, 'controllers' | 'providers'> = {},
): Promise<INestApplication> {
  @Module({ imports, ...extra })
  class ConsumerModule {}

  const app = await NestFactory.create(
    ConsumerModule,
    (adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter()) as AbstractHttpAdapter,
    { logger: false, abortOnError: false },
  );
  app.enableVersioning({ type: VersioningType.URI });
  app.useGlobalPipes(createValidationPipe());
  await app.listen(0, '127.0.0.1');
  return app;
}

/** The modules with tables, with a data source of the application whose name is given. */
function suite(dataSource: string): NonNullable<ModuleMetadata['imports']> {
  return [
    AuthModule.forRoot({ ...auth, dataSource }),
    TenantsModule.forRoot({ dataSource }),
    ApiKeysModule.forRoot({ dataSource }),
    AuditModule.forRootAsync({
      dataSource,
      useFactory: () => ({ journalDir: join(tmpdir(), `bulwark-audit-${randomUUID()}`), flushIntervalMs: 20 }),
    }),
    IdempotencyModule.forRoot({ dataSource }),
    PeriodicTasksModule.forRoot({ dataSource }),
    HealthModule.forRoot({ detailsToken: 'a token of the operator', dataSources: { default: 'optional' } }),
  ];
}

onBothAdapters('an application with its own data sources', (adapter) => {
  let app: INestApplication;
  let client: TestClient;
  let shopUrl: string;
  let otherUrl: string;
  beforeAll(async () => {
    shopUrl = await freshDatabase();
    otherUrl = await freshDatabase();
    app = await start(
      [
        TypeOrmModule.forRoot({ type: 'postgres', url: otherUrl, autoLoadEntities: true }),
        TypeOrmModule.forRoot({
          name: 'shop',
          type: 'postgres',
          url: shopUrl,
          autoLoadEntities: true,
          migrations: [CreateOrders1700000000000, ...migrations] as never[],
          migrationsTableName: 'shop_migrations',
          migrationsRun: true,
        }),
        TypeOrmModule.forFeature([Order], 'shop'),
        ...suite('shop'),
      ],
      adapter,
      { controllers: [OrdersController] },
    );
    client = new TestClient(`http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`);
  });
  afterAll(async () => {
    client.close();
    await app.close();
  });

  it('runs the migrations of the suite beside its own', async () => {
    const { rows } = await query(shopUrl, 'SELECT name FROM shop_migrations ORDER BY timestamp');
    expect(rows.map(({ name }: { name: string }) => name)).toEqual([
      CreateOrders1700000000000.name,
      ...migrations.map(({ name }) => name).toSorted((a, b) => (a.slice(-13) < b.slice(-13) ? -1 : 1)),
    ]);
  });

  it('has no table of the suite in the other data source, which stays the default one', async () => {
    expect(await suiteTables(otherUrl)).toEqual([]);
    expect(await app.get(DataSource).query('SELECT current_database() AS name')).toEqual([
      { name: new URL(otherUrl).pathname.slice(1) },
    ]);
  });

  it('has accounts, tenants, API keys, audit events, idempotency keys and cluster tasks in its data source', async () => {
    const registration = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' };
    const { body } = await client.post('/auth/register', registration);
    const user: { id: string } = body.user;
    const tenant = await app.get(TenantsService).create('Acme', user.id);
    const token: string = body.accessToken;
    expect((await client.get('/tenants', { token })).body.tenants).toEqual([
      expect.objectContaining({ id: tenant.id }),
    ]);
    expect((await client.get('/api-keys', { token })).body).toEqual({ keys: [] });
    await app.get(AuditService).flush();
    const source = app.get<DataSource>('shopDataSource');
    const events = await sqlSeeingAll(source, 'SELECT action FROM audit_events WHERE actor_id = $1', [user.id]);
    expect(events.map(({ action }) => action as string)).toContain('auth.register');
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await client.post('/orders', { article: 'lamp' }, { headers });
    const repeated = await client.post('/orders', { article: 'lamp' }, { headers });
    expect(repeated.body).toEqual(first.body);
    expect((await client.get('/orders')).body).toEqual([{ id: 1, article: 'lamp' }]);
    expect(await app.get(PeriodicTasks).clusterOnce('nightly', 60_000, () => undefined)).toBe(true);
    const { rows } = await query(
      shopUrl,
      `
      SELECT (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM idempotency_keys) AS keys,
        (SELECT count(*)::int FROM periodic_task_claims) AS claims`,
    );
    expect(rows).toEqual([{ users: 1, keys: 1, claims: 1 }]);
    const health = await client.get('/health/deep', { headers: { authorization: 'Bearer a token of the operator' } });
    expect(Object.keys(health.body.details as object)).toEqual(expect.arrayContaining(['database', 'database-shop']));
  });
});

describe('the health of an application with its own data sources', () => {
  it('asks each of them, and the application is not ready without a critical one', async () => {
    const proxy = await TcpProxy.to(await freshDatabase());
    await proxy.open();
    const reports = {
      provide: 'REPORTS',
      useValue: await new DataSource({ type: 'postgres', url: await freshDatabase() }).initialize(),
    };
    const app = await start(
      [
        TypeOrmModule.forRoot({ type: 'postgres', url: await freshDatabase() }),
        TypeOrmModule.forRoot({ name: 'shop', type: 'postgres', url: proxy.url }),
        HealthModule.forRoot({ detailsToken: 'a token of the operator', dataSources: { REPORTS: 'optional' } }),
      ],
      'express',
      { providers: [reports, { provide: 'SAME', useExisting: 'REPORTS' }] },
    );
    const client = new TestClient(`http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`);
    const headers = { authorization: 'Bearer a token of the operator' };
    const checks = async (path: string) => {
      const { status, body } = await client.get(path, { headers });
      return [
        status,
        Object.keys(body.details)
          .filter((key) => key.startsWith('database'))
          .toSorted(),
      ];
    };
    try {
      expect(await checks('/health/ready')).toEqual([200, ['database', 'database-shop']]);
      expect(await checks('/health/deep')).toEqual([200, ['database', 'database-REPORTS', 'database-shop']]);
      await proxy.close();
      await until('the application is not ready', async () => (await client.get('/health/ready')).status === 503);
    } finally {
      client.close();
      await app.close();
      await reports.useValue.destroy();
      await proxy.close();
    }
  });

  it('fails the start for an option of a data source that does not exist', async () => {
    const failure = start([HealthModule.forRoot({ dataSources: { shop: 'off' } })]);
    await expect(failure).rejects.toThrow('data source "shop", which does not exist');
  });
});

describe('a start of an application with its own data source', () => {
  let running: INestApplication | undefined;
  afterEach(async () => {
    await running?.close();
    running = undefined;
  });

  const own = (url: string, options: Partial<TypeOrmModuleOptions> = {}): DynamicModule =>
    TypeOrmModule.forRoot({
      type: 'postgres',
      url,
      autoLoadEntities: true,
      migrationsRun: true,
      retryAttempts: 0,
      ...options,
    } as TypeOrmModuleOptions);
  const withMigrations = async (...list: (readonly unknown[])[]) =>
    own(await freshDatabase(), { migrations: list.flat() as never[] });

  const startIt = async (imports: NonNullable<ModuleMetadata['imports']>) => {
    running = await start(imports);
  };

  it.each([
    [
      'AuthModule',
      () => [],
      () => [AuthModule.forRoot(auth)],
      ['users, auth_sessions, auth_one_time_tokens', 'migrations: [...usersMigrations, ...authMigrations]'],
    ],
    [
      'AuthModule, with users only',
      () => [usersMigrations],
      () => [AuthModule.forRootAsync({ useFactory: () => auth })],
      ['auth_sessions, auth_one_time_tokens', 'authMigrations of nest-bulwark/auth'],
    ],
    ['UsersModule', () => [], () => [UsersModule], ['has no table users', '...usersMigrations']],
    ['AuditModule', () => [], () => [AuditModule.forRoot()], ['audit_events', '...auditMigrations']],
    [
      'TenantsModule',
      () => [usersMigrations, authMigrations],
      () => [AuthModule.forRoot(auth), TenantsModule],
      ['tenants, tenant_members', '...tenantsMigrations'],
    ],
    [
      'ApiKeysModule',
      () => [usersMigrations, authMigrations, tenantsMigrations],
      () => [AuthModule.forRoot(auth), ApiKeysModule.forRoot()],
      ['has no table api_keys', '...apiKeysMigrations'],
    ],
    [
      'IdempotencyModule',
      () => [],
      () => [IdempotencyModule.forRoot({ dataSource: 'default' })],
      ['has no table idempotency_keys', '...idempotencyMigrations'],
    ],
  ] as const)('fails without the tables of %s, and names them and the line to add', async (_, has, modules, texts) => {
    const failure = startIt([await withMigrations(...has()), ...modules()]);
    for (const text of texts) await expect(failure).rejects.toThrow(text);
    await expect(failure).rejects.toMatchObject({ exitCode: 78 });
  });

  it('succeeds with the migrations that the message names', async () => {
    const list = [usersMigrations, authMigrations, tenantsMigrations, apiKeysMigrations, auditMigrations];
    await startIt([
      await withMigrations(...list, idempotencyMigrations),
      AuthModule.forRoot(auth),
      TenantsModule,
      ApiKeysModule,
      UsersModule,
      AuditModule.forRoot({ journalDir: join(tmpdir(), `bulwark-audit-${randomUUID()}`) }),
      IdempotencyModule.forRoot({ dataSource: 'default' }),
    ]);
    expect(await running?.get(UsersService).search({ limit: 1 })).toEqual([]);
  });

  it('fails with DatabaseModule too', async () => {
    const url = await freshDatabase();
    const failure = startIt([DatabaseModule.forRoot({ url, migrations: usersMigrations }), AuthModule.forRoot(auth)]);
    await expect(failure).rejects.toThrow('has no tables auth_sessions');
  });

  it('says that the migrations are listed and have not run', async () => {
    const source = own(await freshDatabase(), {
      migrations: [...usersMigrations, ...authMigrations] as never[],
      migrationsRun: false,
    });
    await expect(startIt([source, AuthModule.forRoot(auth)])).rejects.toThrow(
      'set migrationsRun: true, or run npx typeorm',
    );
  });

  it('fails where another table has the name', async () => {
    const url = await freshDatabase();
    await query(url, 'CREATE TABLE users (id serial PRIMARY KEY, email text)');
    const failure = startIt([own(url, { migrations: authMigrations as never[] }), AuthModule.forRoot(auth)]);
    await expect(failure).rejects.toThrow(/the table users of the data source has no .*password_hash.* userStore/s);
  });

  it('fails with entities in another schema than the statements, and starts with the search path instead', async () => {
    const url = await freshDatabase();
    await query(url, 'CREATE SCHEMA app');
    const all = { migrations: [...usersMigrations, ...authMigrations] as never[] };
    await expect(startIt([own(url, { ...all, schema: 'app' }), AuthModule.forRoot(auth)])).rejects.toThrow(
      "extra: { options: '-c search_path=app' }",
    );
    await query(url, 'DROP SCHEMA app CASCADE; CREATE SCHEMA app; DROP SCHEMA public CASCADE');
    await startIt([own(url, { ...all, extra: { options: '-c search_path=app' } }), AuthModule.forRoot(auth)]);
  });

  it('fails without autoLoadEntities', async () => {
    const source = own(await freshDatabase(), {
      migrations: [...usersMigrations, ...authMigrations] as never[],
      autoLoadEntities: false,
    });
    await expect(startIt([source, AuthModule.forRoot(auth)])).rejects.toThrow('add autoLoadEntities: true');
  });

  it('fails where no data source has the name, or any', async () => {
    await expect(startIt([AuthModule.forRoot(auth)])).rejects.toThrow('the data source does not exist');
    const named = startIt([await withMigrations(migrations), AuthModule.forRoot({ ...auth, dataSource: 'reports' })]);
    await expect(named).rejects.toThrow("add TypeOrmModule.forRoot({ name: 'reports'");
  });

  it('fails where modules of one transaction have different data sources', async () => {
    const all = { migrations: migrations as never[] };
    const sources = [own(await freshDatabase(), all), own(await freshDatabase(), { ...all, name: 'second' })];
    const failure = startIt([...sources, AuthModule.forRoot(auth), TenantsModule.forRoot({ dataSource: 'second' })]);
    await expect(failure).rejects.toThrow('TenantsModule and AuthModule have different data sources');
  });
});
