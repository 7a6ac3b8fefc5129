import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Body, Controller, Get, Inject, Module, Param, ParseUUIDPipe, Post, VERSION_NEUTRAL } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Client } from 'pg';
import { Column, DataSource, Entity, PrimaryColumn, type EntityManager, type QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseSettings, EmbeddedPostgres, migrate } from '../../src/database/index.js';
import { migrations } from '../../src/migrations.js';
import {
  addTenantReference,
  CurrentTenant,
  disableTenantIsolation,
  enableTenantIsolation,
  TenantOwned,
  TenantScope,
} from '../../src/tenants/index.js';
import { freshDatabase, query } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import { PgBouncer } from '../support/pgbouncer.js';
import '../support/problem.js';
import { until } from '../support/until.js';

@Entity('notes')
class Note extends TenantOwned {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  text!: string;
}

@Controller({ path: 'notes', version: VERSION_NEUTRAL })
class NotesController {
  @Inject(TenantScope) private readonly scope!: TenantScope;

  /** Without a WHERE clause, as a developer writes it who does not know about tenants. */
  @Get()
  async list() {
    return this.scope.run((manager) => manager.query('SELECT id, tenant_id, text FROM notes ORDER BY text'));
  }

  @Get(':id')
  async one(@Param('id', ParseUUIDPipe) id: string, @CurrentTenant() tenantId: string) {
    const note = await this.scope.run((manager) => manager.findOneBy(Note, { id }));
    return { note, tenantId };
  }

  @Post()
  async add(@Body() { text, tenantId }: { text: string; tenantId?: string }) {
    const id = randomUUID();
    await this.scope.run((manager) =>
      tenantId === undefined
        ? manager.insert(Note, { id, text })
        : manager.query('INSERT INTO notes (id, text, tenant_id) VALUES ($1, $2, $3)', [id, text, tenantId]),
    );
    return { id };
  }
}

@Module({ imports: [TypeOrmModule.forFeature([Note])], controllers: [NotesController] })
class NotesModule {}

async function makeTables(url: string): Promise<void> {
  const source = await new DataSource({ type: 'postgres', url, installExtensions: false }).initialize();
  const runner = source.createQueryRunner();
  await runner.query('CREATE TABLE notes (id uuid PRIMARY KEY, tenant_id uuid, text text NOT NULL)');
  await enableTenantIsolation(runner, 'notes');
  await runner.query('CREATE TABLE comments (id uuid PRIMARY KEY, tenant_id uuid, note_id uuid NOT NULL)');
  await enableTenantIsolation(runner, 'comments');
  await addTenantReference(runner, 'comments', { from: 'note_id', to: 'notes', onDelete: 'CASCADE' });
  await runner.query(
    'CREATE TABLE loose_comments (id uuid PRIMARY KEY, tenant_id uuid, note_id uuid REFERENCES notes (id))',
  );
  await enableTenantIsolation(runner, 'loose_comments');
  await source.destroy();
}

/** A database that the login of the application has migrated. */
async function databaseFor(url: string): Promise<string> {
  await migrate(url, databaseSettings({ url, migrations }));
  await makeTables(url);
  return url;
}

/** A database whose login owns the tables, but is not a superuser and cannot create roles. */
async function plainDatabase(): Promise<string> {
  const url = await freshDatabase();
  const name = `plain_${randomUUID().slice(0, 8)}`;
  const { pathname } = new URL(url);
  await query(url, `CREATE ROLE ${name} LOGIN PASSWORD 'pw' NOSUPERUSER NOBYPASSRLS NOCREATEROLE`);
  await query(url, `GRANT ${name} TO CURRENT_USER`);
  await query(url, `ALTER DATABASE "${pathname.slice(1)}" OWNER TO ${name}`);
  await query(url, `GRANT ALL ON SCHEMA public TO ${name}`);
  const plain = new URL(url);
  [plain.username, plain.password] = [name, 'pw'];
  return plain.href;
}

/** A database server; the application logs in as its superuser. */
class SuperuserServer {
  private constructor(
    readonly url: string,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(): Promise<SuperuserServer> {
    const folder = await testFolder();
    const server = await EmbeddedPostgres.start({ dataDir: folder.path, settings: { fsync: 'off' } });
    const url = new URL(server.url);
    url.username = 'postgres';
    url.password = (await readFile(join(folder.path, 'postgres.password'), 'utf8')).trim();
    return new SuperuserServer(url.href, async () => {
      await server.stop();
      await folder.stop();
    });
  }
}

let superuser: SuperuserServer;
beforeAll(async () => (superuser = await SuperuserServer.start()));
afterAll(() => superuser.stop());

async function superuserDatabase(): Promise<string> {
  const url = new URL(superuser.url);
  url.pathname = `/db_${randomUUID().slice(0, 8)}`;
  await query(superuser.url, `CREATE DATABASE ${url.pathname.slice(1)}`);
  return url.href;
}

const start = (url: string, adapter = 'fastify') =>
  TestApp.start({ DATABASE_URL: url, HTTP_ADAPTER: adapter }, { imports: [NotesModule] });

const [A, B] = ['0190a5d0-0000-7000-8000-00000000000a', '0190a5d0-0000-7000-8000-00000000000b'];

describe.each([
  ['a superuser, whom no policy holds', superuserDatabase],
  ['a login without privileges that owns its tables', plainDatabase],
])('rows of a tenant, for %s', (_who, database) => {
  let app: TestApp;
  let scope: TenantScope;
  const inTenant = <T>(tenantId: string, work: (manager: EntityManager) => Promise<T>) => scope.runFor(tenantId, work);
  const sqlIn = (tenantId: string, sql: string, values: unknown[] = []) =>
    inTenant(tenantId, (manager) => manager.query(sql, values));
  const add = async (tenantId: string, text: string) => {
    const id = randomUUID();
    await sqlIn(tenantId, 'INSERT INTO notes (id, text) VALUES ($1, $2)', [id, text]);
    return id;
  };
  const foreign: { id: string } = { id: '' };

  beforeAll(async () => {
    app = await start(await databaseFor(await database()));
    scope = app.app.get(TenantScope);
    foreign.id = await add(B, 'of B');
    await add(A, 'of A');
  });
  afterAll(() => app.stop());
  const textOfB = async () => (await sqlIn(B, 'SELECT text FROM notes WHERE id = $1', [foreign.id]))[0]?.text;

  it('are the only visible rows, even if a statement has no tenant condition', async () => {
    expect(await sqlIn(A, 'SELECT text FROM notes')).toEqual([{ text: 'of A' }]);
    expect(await sqlIn(A, 'SELECT count(*)::int AS n FROM notes')).toEqual([{ n: 1 }]);
    expect(await inTenant(A, (manager) => manager.find(Note))).toEqual([
      expect.objectContaining({ tenantId: A, text: 'of A' }),
    ]);
    expect(await sqlIn(A, 'SELECT * FROM notes WHERE id = $1', [foreign.id])).toEqual([]);
    expect(await sqlIn(A, 'SELECT * FROM notes WHERE tenant_id = $1 OR true', [B])).toHaveLength(1);
    expect(
      await sqlIn(A, 'WITH x AS (SELECT * FROM notes) SELECT text FROM x UNION ALL SELECT text FROM notes'),
    ).toHaveLength(2);
  });

  it('cannot be changed or deleted by another tenant', async () => {
    expect(await sqlIn(A, `UPDATE notes SET text = 'taken' WHERE id = $1`, [foreign.id])).toEqual([[], 0]);
    expect(await sqlIn(A, 'DELETE FROM notes WHERE id = $1', [foreign.id])).toEqual([[], 0]);
    expect(await inTenant(A, (manager) => manager.delete(Note, { id: foreign.id }))).toMatchObject({ affected: 0 });
    expect(await textOfB()).toBe('of B');
  });

  it('cannot be inserted into or moved to another tenant, and each attempt is audited', async () => {
    const id = randomUUID();
    const tries = [
      () => sqlIn(A, `INSERT INTO notes (id, text, tenant_id) VALUES ($1, 'x', $2)`, [id, B]),
      () => sqlIn(A, 'UPDATE notes SET tenant_id = $1', [B]),
      () =>
        sqlIn(
          A,
          `INSERT INTO notes (id, text, tenant_id) VALUES ($1, 'x', $2) ON CONFLICT (id) DO UPDATE SET text = 'x'`,
          [foreign.id, B],
        ),
      () =>
        sqlIn(A, `INSERT INTO notes (id, text) VALUES ($1, 'x') ON CONFLICT (id) DO UPDATE SET text = 'taken'`, [
          foreign.id,
        ]),
    ];
    for (const one of tries) await expect(one()).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(await textOfB()).toBe('of B');
    expect(await sqlIn(A, 'SELECT text FROM notes')).toEqual([{ text: 'of A' }]);
    const events = () =>
      app.sql(`SELECT tenant_id, metadata->>'reason' AS reason FROM audit_events WHERE action = 'security.violation'`);
    await until('each attempt is audited', async () => (await events()).length >= tries.length);
    expect((await events())[0]).toEqual({ tenant_id: A, reason: expect.stringContaining('row-level security') });
  });

  it('cannot be read or written with COPY', async () => {
    const copied = await inTenant(A, async (manager) => manager.queryRunner?.query('COPY notes TO STDOUT', [], true));
    expect(copied).toMatchObject({ affected: 1 });
    await expect(sqlIn(A, 'COPY notes (id, text, tenant_id) FROM STDIN')).rejects.toThrow('row-level security');
  });

  it('refer only to rows of their own tenant; a plain foreign key would reveal other rows', async () => {
    const comment = (table: string, noteId: string) =>
      sqlIn(A, `INSERT INTO ${table} (id, note_id) VALUES ($1, $2)`, [randomUUID(), noteId]);
    const [mine] = await sqlIn(A, 'SELECT id FROM notes');
    await comment('comments', mine.id);
    await expect(comment('comments', foreign.id)).rejects.toThrow('foreign key');
    await expect(comment('loose_comments', randomUUID())).rejects.toThrow('foreign key');
    await comment('loose_comments', foreign.id);
    await sqlIn(A, 'DELETE FROM loose_comments');
  });

  it('are not accessible through TypeORM without a tenant', async () => {
    const source = app.app.get(DataSource);
    const notes = source.getRepository(Note);
    const seen = await notes.find().catch((error: Error) => error.name);
    // Policies hide all rows from a normal login. If a login bypasses policies, the library refuses the query.
    expect([[], 'TenantIsolationError']).toContainEqual(seen);
    const note = Object.assign(new Note(), { id: randomUUID(), text: 'of nobody' });
    await expect(notes.save(note)).rejects.toThrow(/TenantScope|row-level security/);
  });

  it('are hidden from a caller with an invalid tenant id', async () => {
    for (const bad of ['', '*', `${A}' OR true --`, 'null']) {
      await expect(inTenant(bad, async () => 'in')).rejects.toThrow('The id of a tenant must be a UUID');
    }
    await expect(scope.run(async () => 'in')).rejects.toMatchObject({ code: 'TENANT_REQUIRED' });
  });

  it('leave no tenant on the connection after a commit, an error or a rollback', async () => {
    const leftOn = `SELECT current_setting('app.tenant_id', true) AS tenant, current_user = session_user AS own FROM pg_sleep(0.01)`;
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        inTenant(i % 2 ? A : B, async (manager) => {
          await manager.query('SELECT 1');
          if (i % 3 === 0) throw new Error('the work fails');
          if (i % 3 === 1) await manager.query('SELECT 1 / 0');
        }).catch(() => undefined),
      ),
    );
    const left = await Promise.all(Array.from({ length: 20 }, () => app.sql(leftOn)));
    expect(new Set(left.flat().map(({ tenant, own }) => `${tenant || 'none'} ${own}`))).toEqual(new Set(['none true']));
  });

  it('do not mix in concurrent transactions', async () => {
    const mixed: string[] = [];
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const tenantId = i % 2 ? A : B;
        const rows = await inTenant(tenantId, async (manager) => {
          await manager.query('SELECT pg_sleep(random() / 100)');
          return manager.query('SELECT DISTINCT tenant_id FROM notes');
        });
        if (rows.length !== 1 || rows[0].tenant_id !== tenantId) mixed.push(JSON.stringify(rows));
      }),
    );
    expect(mixed).toEqual([]);
  });

  it('cannot be accessed by an entity manager after its transaction has ended', async () => {
    const kept: EntityManager[] = [];
    await inTenant(A, async (manager) => void kept.push(manager));
    await expect(kept[0]?.query('SELECT * FROM notes')).rejects.toThrow('released');
  });

  it('are reported as isolated in /health', async () => {
    const details = async () => {
      const { body } = await app.get('/health');
      return { ...body.info, ...body.error, ...body.details }['tenant-isolation'];
    };
    expect((await details()).status).toBe('up');
  });
});

describe('without a tenant', () => {
  it('a login without privileges sees no rows, even with raw SQL or with row_security off', async () => {
    const url = await databaseFor(await plainDatabase());
    const app = await start(url);
    try {
      await app.app
        .get(TenantScope)
        .runFor(A, (manager) => manager.query(`INSERT INTO notes (id, text) VALUES ($1, 'of A')`, [randomUUID()]));
      expect(await app.sql('SELECT * FROM notes')).toEqual([]);
      expect(await app.sql('UPDATE notes SET text = text')).toEqual([[], 0]);
      await expect(app.sql(`INSERT INTO notes (id, text) VALUES ($1, 'x')`, [randomUUID()])).rejects.toThrow(
        'row-level security',
      );
      await expect(
        app.sql(`INSERT INTO notes (id, text, tenant_id) VALUES ($1, 'x', $2)`, [randomUUID(), A]),
      ).rejects.toThrow('row-level security');
      const dump = new Client({ connectionString: url });
      await dump.connect();
      await dump.query('SET row_security = off');
      await expect(dump.query('SELECT * FROM notes')).rejects.toThrow('row-level security');
      await dump.end();
      expect(app.logs.filter(({ context, level }) => context === 'Tenants' && level === 'warn')).toEqual([]);
    } finally {
      await app.stop();
    }
  });

  it('a superuser gets a warning that raw SQL outside of a scope sees all rows', async () => {
    const app = await start(await databaseFor(await superuserDatabase()));
    try {
      const [warning] = app.logs.filter(({ context }) => context === 'Tenants');
      expect(warning?.msg).toContain(
        'bypasses row-level security. Transactions of TenantScope run as "bulwark_tenant"',
      );
    } finally {
      await app.stop();
    }
  });
});

describe('a start is refused', () => {
  it('when a tenant table is not isolated', async () => {
    const url = await databaseFor(await freshDatabase());
    await query(url, 'ALTER TABLE notes NO FORCE ROW LEVEL SECURITY');
    await expect(start(url)).rejects.toThrow('The tables notes hold entities of tenants and are not isolated');
    const source = await new DataSource({ type: 'postgres', url, installExtensions: false }).initialize();
    const runner: QueryRunner = source.createQueryRunner();
    await disableTenantIsolation(runner, 'loose_comments');
    await source.destroy();
    const { rows } = await query(url, `SELECT relrowsecurity FROM pg_class WHERE relname = 'loose_comments'`);
    expect(rows).toEqual([{ relrowsecurity: false }]);
  });
});

describe('behind PgBouncer in transaction mode', () => {
  it('tenants share connections, but no data', async () => {
    const url = await databaseFor(await superuserDatabase());
    const bouncer = await PgBouncer.start(url, { default_pool_size: 2 });
    const app = await start(bouncer.url);
    try {
      const scope = app.app.get(TenantScope);
      const add = (tenantId: string) =>
        scope.runFor(tenantId, (manager) =>
          manager.query(`INSERT INTO notes (id, text) VALUES ($1, 'x')`, [randomUUID()]),
        );
      await Promise.all([add(A), add(B)]);
      const seen = await Promise.all(
        Array.from({ length: 60 }, async (_, i) => {
          const tenantId = i % 2 ? A : B;
          const rows = await scope.runFor(tenantId, (manager) => manager.query('SELECT tenant_id FROM notes'));
          return rows.length === 1 && rows[0].tenant_id === tenantId;
        }),
      );
      expect(seen).not.toContain(false);
      const left = await query(
        bouncer.url,
        `SELECT current_setting('app.tenant_id', true) AS tenant, current_user = session_user AS own`,
      );
      expect(left.rows[0].tenant || 'none').toBe('none');
      expect(left.rows[0].own).toBe(true);
    } finally {
      await app.stop();
      await bouncer.stop();
    }
  });
});

onBothAdapters('data of tenants over HTTP', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await start(await databaseFor(await freshDatabase()), adapter)));
  afterAll(() => app.stop());

  async function memberOf(): Promise<{ user: Visitor; tenantId: string; token: string }> {
    const [user, tenantId] = [await app.register(), randomUUID()];
    await app.sql('INSERT INTO tenants (id, name) VALUES ($1, $2)', [tenantId, 'T']);
    await app.sql(`INSERT INTO tenant_members (tenant_id, user_id, roles) VALUES ($1, $2, '{TenantMember}')`, [
      tenantId,
      user.id,
    ]);
    const { body } = await app.post('/auth/switch-tenant', { tenantId }, { token: user.token });
    return { user, tenantId, token: body.accessToken };
  }

  it('is visible only in the caller’s tenant, whatever id the caller requests', async () => {
    const [one, other] = [await memberOf(), await memberOf()];
    const { body } = await app.post('/notes', { text: 'mine' }, { token: one.token });
    expect((await app.get(`/notes/${body.id}`, { token: one.token })).body.note).toMatchObject({
      text: 'mine',
      tenantId: one.tenantId,
    });
    expect((await app.get(`/notes/${body.id}`, { token: other.token })).body.note).toBeNull();
    expect((await app.get('/notes', { token: other.token })).body).toEqual([]);
    expect((await app.get('/notes', { token: one.user.token })).body.code).toBe('TENANT_REQUIRED');
  });

  it('cannot be written into another tenant, and the attempt is audited', async () => {
    const [one, other] = [await memberOf(), await memberOf()];
    const answer = await app.post('/notes', { text: 'x', tenantId: other.tenantId }, { token: one.token });
    expect(answer).toBeProblem({ status: 403, code: 'ACCESS_DENIED' });
    expect(await app.auditOf(String(answer.headers['x-request-id']))).toEqual([
      expect.objectContaining({
        action: 'security.violation',
        outcome: 'denied',
        actorId: one.user.id,
        tenantId: one.tenantId,
      }),
    ]);
    expect((await app.get('/metrics')).text).toMatch(/tenant_violations_total [1-9]/);
  });

  it('does not mix in 100 concurrent requests of two tenants', async () => {
    const both = [await memberOf(), await memberOf()];
    await Promise.all(both.map(({ token }, i) => app.post('/notes', { text: `of ${i}` }, { token })));
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const { token, tenantId } = both[i % 2] as (typeof both)[number];
        const { body } = await app.get('/notes', { token });
        return body.length === 1 && body[0].tenant_id === tenantId;
      }),
    );
    expect(answers).not.toContain(false);
  });
});
