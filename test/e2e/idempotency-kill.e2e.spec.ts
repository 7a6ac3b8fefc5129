import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { built } from '../support/built.js';
import { TestClient, type Answer } from '../support/client.js';
import { ownDatabase, query, testDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { Program } from '../support/program.js';
import { until } from '../support/until.js';

/** A process renews its lease three times in this time, so a killed process keeps it for at least two thirds. */
const LEASE_MS = 6_000;

interface Payment {
  order: string;
  /** The process with this id pays and never answers. */
  hangsIn: number;
}

class Payer extends TestClient {
  private constructor(
    url: string,
    readonly program: Program,
  ) {
    super(url);
  }

  static async start(databaseUrl: string, adapter: string): Promise<Payer> {
    const env = { DATABASE_URL: databaseUrl, HTTP_ADAPTER: adapter, LEASE_MS: String(LEASE_MS) };
    const program = new Program(resolve('test/fixtures/payer.mjs'), env);
    await program.says(/listening on \S+/);
    return new Payer(/listening on (\S+)/.exec(program.output)?.[1] ?? '', program);
  }

  pay(path: '/pay' | '/pay-once', payment: Payment) {
    return this.post(path, payment, { headers: { 'Idempotency-Key': payment.order } });
  }

  async kill(): Promise<void> {
    this.program.kill('SIGKILL');
    await this.program.ends();
    this.close();
  }
}

/** The first answer that is not IDEMPOTENCY_IN_PROGRESS; each request has its own lease. */
async function afterLease(pay: () => Promise<Answer>): Promise<Answer> {
  let answer = await pay();
  await until('its key can be used again', async () => {
    if (answer.body.code === 'IDEMPOTENCY_IN_PROGRESS') answer = await pay();
    return answer.body.code !== 'IDEMPOTENCY_IN_PROGRESS';
  });
  return answer;
}

describe('a request whose process is killed', () => {
  beforeAll(built);

  it.each([
    ['fastify', 'express'],
    ['express', 'fastify'],
  ])('on %s can be repeated on %s after its lease, and a second execution is reported', async (first, second) => {
    const url = await testDatabase();
    await query(url, 'CREATE TABLE IF NOT EXISTS payments (id serial PRIMARY KEY, of text NOT NULL)');
    const payments = async ({ order }: Payment) =>
      (await query(url, 'SELECT id FROM payments WHERE of = $1', [order])).rowCount;
    const [victim, survivor] = await Promise.all([Payer.start(url, first), Payer.start(url, second)]);
    const [plain, careful] = [randomUUID(), randomUUID()].map((order) => ({ order, hangsIn: victim.program.pid }));
    if (!plain || !careful) throw new Error('no payments');

    const lost = Promise.allSettled([victim.pay('/pay', plain), victim.pay('/pay-once', careful)]);
    await until('both orders are paid', async () => (await payments(plain)) === 1 && (await payments(careful)) === 1);
    await victim.kill();
    await lost;

    // The lease of the killed process has not expired yet.
    expect(await survivor.pay('/pay', plain)).toMatchObject({
      status: 409,
      body: { code: 'IDEMPOTENCY_IN_PROGRESS' },
    });
    expect(await payments(plain)).toBe(1);

    const answer = await afterLease(() => survivor.pay('/pay', plain));
    expect(answer).toMatchObject({ status: 201, body: { by: survivor.program.pid } });
    // The order is paid a second time. The log reports that an earlier attempt crashed.
    expect(await payments(plain)).toBe(2);
    await survivor.program.says('POST /pay: the process of an earlier attempt crashed');
    const again = await survivor.pay('/pay', plain);
    expect({ text: again.text, replayed: again.headers['idempotent-replayed'] }).toEqual({
      text: answer.text,
      replayed: 'true',
    });
    expect(await payments(plain)).toBe(2);

    // The other order is not paid a second time, because the result of the first attempt is unknown.
    const unknown = { status: 409, body: { code: 'IDEMPOTENCY_OUTCOME_UNKNOWN' } };
    expect(await afterLease(() => survivor.pay('/pay-once', careful))).toMatchObject(unknown);
    expect(await survivor.pay('/pay-once', careful)).toMatchObject(unknown);
    expect(await payments(careful)).toBe(1);
    await survivor.kill();
  });
});

const ADMIN = { email: 'root@example.com', password: 'first of many passwords' };

/** The reference application in its own process. */
class Replica extends TestClient {
  private constructor(
    url: string,
    readonly program: Program,
  ) {
    super(url);
  }

  static async start(databaseUrl: string, adapter: string, folder: string): Promise<Replica> {
    const program = new Program(resolve('test/fixtures/tenant-maker.mjs'), {
      NODE_ENV: 'test',
      DATABASE_URL: databaseUrl,
      DATABASE_POOL_MIN: '1',
      HTTP_ADAPTER: adapter,
      JWT_SECRET: 'a secret of the test suite, long enough for HS256',
      BCRYPT_COST: '4',
      ADMIN_EMAIL: ADMIN.email,
      ADMIN_PASSWORD: ADMIN.password,
      AUDIT_JOURNAL_DIR: `${folder}/journal-${adapter}`,
      AUDIT_DIGEST_DIR: `${folder}/digests`,
      LEASE_MS: String(LEASE_MS),
    });
    await program.says(/serving on \S+/);
    return new Replica(/serving on (\S+)/.exec(program.output)?.[1] ?? '', program);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.close();
    this.program.kill(signal);
    await this.program.ends();
  }
}

describe('the creation of a tenant in a process that is killed', () => {
  beforeAll(built);

  it.each([
    ['fastify', 'express'],
    ['express', 'fastify'],
  ])('on %s creates one tenant with its owner when it is repeated on %s', async (first, second) => {
    const url = await ownDatabase();
    const folder = await testFolder();
    const [victim, survivor] = await Promise.all([
      Replica.start(url, first, folder.path),
      Replica.start(url, second, folder.path),
    ]);
    try {
      const login = await survivor.post('/auth/login', ADMIN);
      const { accessToken: token, user } = login.body;
      const requests = (['before', 'after'] as const).map((moment) => ({
        name: `hangs ${moment} the commit in ${victim.program.pid}`,
        ownerId: user.id as string,
        key: randomUUID(),
      }));
      const make = (replica: Replica, { key, ...body }: (typeof requests)[number]) =>
        replica.post('/admin/tenants', body, { token, headers: { 'Idempotency-Key': key } });
      const made = async (name: string) => {
        const sql = `SELECT t.id, m.user_id AS owner FROM tenants t LEFT JOIN tenant_members m ON m.tenant_id = t.id WHERE name = $1`;
        return (await query(url, sql, [name])).rows as { id: string; owner: string }[];
      };
      const [before, after] = requests as [(typeof requests)[number], (typeof requests)[number]];

      // `after` is sent first, because the fixture then blocks in each later request.
      const lost = [make(victim, after)];
      await until('the tenant is committed', async () => (await made(after.name)).length === 1);
      lost.push(make(victim, before));
      const inTransaction = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%INTO tenants%'`;
      await until(
        'the other tenant is inserted, but not committed',
        async () => (await query(url, inTransaction)).rowCount === 1,
      );
      const settled = Promise.allSettled(lost);
      await victim.end('SIGKILL');
      await settled;
      const [kept] = await made(after.name);

      for (const request of [after, before]) {
        const answer = await afterLease(() => make(survivor, request));
        expect(answer.status).toBe(201);
        expect(await made(request.name)).toEqual([{ id: answer.body.id, owner: user.id }]);
      }
      expect(await made(after.name)).toEqual([kept]);
    } finally {
      await Promise.all([victim.end('SIGKILL'), survivor.end('SIGTERM')]);
      await folder.stop();
    }
  });
});
