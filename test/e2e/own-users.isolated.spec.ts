import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { Injectable, Module, VersioningType, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { HttpAdapterHost, NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  Column,
  CreateDateColumn,
  DataSource,
  Entity,
  PrimaryGeneratedColumn,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeysModule, apiKeysMigrations } from '../../src/api-keys/index.js';
import { AuthModule, authMigrations, type AuthModuleExtras, type AuthModuleOptions } from '../../src/auth/index.js';
import { ProblemFilter } from '../../src/problem/index.js';
import { createValidationPipe } from '../../src/security/index.js';
import { TenantsModule, TenantsService, tenantsMigrations } from '../../src/tenants/index.js';
import { TypeOrmUserStore, usersMigrations, type UserWithPassword } from '../../src/users/index.js';
import { TestClient } from '../support/client.js';
import { freshDatabase } from '../support/database.js';
import { onBothAdapters, type AdapterName } from '../support/harness.js';
import { MemoryUserStore } from '../support/memory-user.store.js';

const password = 'correct horse battery';
const root = { email: 'root@example.com', password };
const SUITE = [...authMigrations, ...tenantsMigrations, ...apiKeysMigrations];

/** The users of an application: its own table with integer ids, names of its own, and a column of its own. */
@Entity('users')
class Member {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('text', { name: 'mail', unique: true })
  email!: string;

  @Column('text', { name: 'full_name' })
  name!: string;

  @Column('text', { name: 'hash', select: false })
  passwordHash!: string;

  @Column('text', { array: true })
  roles!: string[];

  @Column('integer', { name: 'loyalty_points' })
  points!: number;

  @Column('timestamptz', { name: 'locked', nullable: true })
  lockedAt!: Date | null;

  @Column('timestamptz', { name: 'gone', nullable: true })
  deactivatedAt!: Date | null;

  @Column('timestamptz', { name: 'confirmed', nullable: true })
  emailVerifiedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'joined' })
  createdAt!: Date;
}

class CreateMembers1600000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE users (
        id serial PRIMARY KEY, mail text NOT NULL UNIQUE, full_name text NOT NULL, hash text NOT NULL, roles text[] NOT NULL,
        loyalty_points integer NOT NULL DEFAULT 100, locked timestamptz, gone timestamptz, confirmed timestamptz,
        joined timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE users');
  }
}

@Injectable()
class MemberStore extends TypeOrmUserStore {
  constructor(source: DataSource) {
    super(source, Member);
  }
}

/** Gives ids such as those of an identity provider, with capital letters and a colon. */
@Injectable()
class SubjectIds {
  next(): string {
    return `auth0|Sub:${randomBytes(6).toString('hex')}`;
  }
}

@Module({ providers: [SubjectIds], exports: [SubjectIds] })
class SubjectIdsModule {}

@Injectable()
class SubjectStore extends MemoryUserStore {
  constructor(private readonly ids: SubjectIds) {
    super();
  }

  override async insert(user: UserWithPassword): Promise<boolean | { id: string }> {
    const id = this.ids.next();
    return (await super.insert({ ...user, id })) && { id };
  }
}

/** Twelve bytes in hexadecimal digits, as MongoDB gives them. */
class ObjectIdStore extends MemoryUserStore {
  override async insert(user: UserWithPassword): Promise<boolean | { id: string }> {
    const id = randomBytes(12).toString('hex');
    return (await super.insert({ ...user, id })) && { id };
  }
}

const KINDS: readonly [string, RegExp, () => AuthModuleOptions & AuthModuleExtras, boolean][] = [
  ['integer ids in its own table', /^\d+$/, () => ({ userStore: MemberStore }), true],
  [
    'text ids, by a class with dependencies',
    /^auth0\|Sub:/,
    () => ({ userStore: SubjectStore, imports: [SubjectIdsModule] }),
    false,
  ],
  ['ObjectIds, by an instance', /^[0-9a-f]{24}$/, () => ({ userStore: new ObjectIdStore() }), false],
];

async function start(adapter: AdapterName, imports: NonNullable<ModuleMetadata['imports']>): Promise<INestApplication> {
  @Module({ imports })
  class ConsumerModule {}

  const app = await NestFactory.create(
    ConsumerModule,
    (adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter()) as AbstractHttpAdapter,
    { logger: false, abortOnError: false },
  );
  app.enableVersioning({ type: VersioningType.URI });
  app.useGlobalPipes(createValidationPipe());
  app.useGlobalFilters(new ProblemFilter(app.get(HttpAdapterHost)));
  await app.listen(0, '127.0.0.1');
  return app;
}

async function database(migrations: readonly unknown[]) {
  return TypeOrmModule.forRoot({
    type: 'postgres',
    url: await freshDatabase(),
    autoLoadEntities: true,
    entities: [Member],
    migrations: migrations as never[],
    migrationsRun: true,
  });
}

const auth = (options: AuthModuleOptions & AuthModuleExtras) =>
  AuthModule.forRoot({
    secret: 'a secret of the test suite, long enough for HS256',
    bcryptCost: 4,
    admin: root,
    ...options,
  });

onBothAdapters('an application with its own users', (adapter) => {
  describe.each(KINDS)('with %s', (_, pattern, options, hasTable) => {
    let app: INestApplication;
    let client: TestClient;
    const suffix = `${adapter}.example.com`;
    const email = `ada@${suffix}`;
    beforeAll(async () => {
      const own = hasTable ? [CreateMembers1600000000000] : [];
      const admin = { email: `root@${suffix}`, password };
      app = await start(adapter, [
        await database([...own, ...SUITE]),
        auth({ ...options(), admin }),
        TenantsModule,
        ApiKeysModule,
      ]);
      client = new TestClient(`http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`);
    });
    afterAll(async () => {
      client.close();
      await app.close();
    });

    const login = async (address = email) =>
      (await client.post('/auth/login', { email: address, password })).body as {
        accessToken: string;
        user: { id: string };
      };

    it('registers, logs in, refreshes and shows them', async () => {
      const registered = await client.post('/auth/register', { email, password, name: 'Ada' });
      expect(registered.status).toBe(201);
      expect(registered.body.user.id).toMatch(pattern);
      expect((await client.post('/auth/register', { email, password, name: 'Ada' })).body.code).toBe('EMAIL_TAKEN');
      const { accessToken: token, user } = await login();
      expect(user.id).toBe(registered.body.user.id);
      expect((await client.get('/auth/profile', { token })).body).toMatchObject({
        id: user.id,
        email,
        roles: ['User'],
      });
      expect((await client.patch('/auth/profile', { name: 'Ada L.' }, { token })).body.name).toBe('Ada L.');
      const { refreshToken } = registered.body;
      expect((await client.post('/auth/refresh', { refreshToken })).body.user.id).toBe(user.id);
    });

    it('lets administrators page through them, and lock one from the next request', async () => {
      const { accessToken: admin } = await login(`root@${suffix}`);
      const first = (await client.get('/admin/users?limit=1', { token: admin })).body;
      const second = (await client.get(`/admin/users?limit=1&cursor=${first.next}`, { token: admin })).body;
      const ids = [...first.users, ...second.users].map(({ id }: { id: string }) => id);
      expect(new Set(ids).size).toBe(2);
      const { accessToken: token, user } = await login();
      const path = `/admin/users/${encodeURIComponent(user.id)}`;
      expect((await client.get('/auth/profile', { token })).status).toBe(200);
      expect((await client.patch(path, { locked: true }, { token: admin })).status).toBe(200);
      expect((await client.get('/auth/profile', { token })).body.code).toBe('AUTH_TOKEN_REVOKED');
      await client.patch(path, { locked: false }, { token: admin });
    });

    it('finds no user by another spelling or a text that is no id', async () => {
      const { accessToken: admin } = await login(`root@${suffix}`);
      const { user } = await login();
      for (const id of [
        `0${user.id}`,
        user.id.replace('S', 's').replace('a', 'A'),
        '99999999999999999999',
        '%00',
        'x'.repeat(200),
      ]) {
        if (id === user.id) continue;
        const path = `/admin/users/${id === '%00' ? id : encodeURIComponent(id)}`;
        const { status } = await client.patch(path, { locked: true }, { token: admin });
        // Fastify answers 414 for a long parameter.
        expect([400, 404, 414]).toContain(status);
      }
      expect((await client.get('/auth/profile', { token: (await login()).accessToken })).status).toBe(200);
    });

    it('has tenants and API keys for them, and no data of a deleted one', async () => {
      const { user } = await login();
      const tenants = app.get(TenantsService);
      const tenant = await tenants.create('Acme', user.id);
      const { accessToken: token } = await login();
      expect((await client.get('/tenants', { token })).body.tenants).toEqual([
        expect.objectContaining({ id: tenant.id }),
      ]);
      expect((await client.post('/api-keys', { name: 'backup', permissions: [] }, { token })).status).toBeLessThan(500);
      await tenants.remove(tenant.id);
      const gone = await client.post('/auth/delete-account', { currentPassword: password }, { token });
      expect(gone.status).toBe(204);
      for (const table of ['auth_sessions', 'auth_one_time_tokens', 'tenant_members']) {
        expect(await app.get(DataSource).query(`SELECT 1 FROM ${table} WHERE user_id = $1`, [user.id])).toEqual([]);
      }
    });
  });
});

describe('a start of an application with its own users', () => {
  it('has columns of uuid with a reference for the table of the suite', async () => {
    const app = await start('express', [await database([...usersMigrations, ...SUITE]), auth({ admin: undefined })]);
    const rows = await app
      .get(DataSource)
      .query(
        `SELECT DISTINCT data_type FROM information_schema.columns WHERE column_name = 'user_id' AND table_schema = 'public'`,
      );
    await app.close();
    expect(rows).toEqual([{ data_type: 'uuid' }]);
  });

  it('fails where sessions refer to the table of the suite, and the users are elsewhere', async () => {
    const userStore = new ObjectIdStore();
    await userStore.insert({
      id: '',
      email: 'a@example.com',
      name: 'A',
      roles: [],
      passwordHash: '',
      lockedAt: null,
      deactivatedAt: null,
      emailVerifiedAt: null,
      createdAt: new Date(),
    });
    const failure = start('express', [await database([...usersMigrations, ...SUITE]), auth({ userStore })]);
    await expect(failure).rejects.toThrow('leave usersMigrations out of the migrations');
  });
});
