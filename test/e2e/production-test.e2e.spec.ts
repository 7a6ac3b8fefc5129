import { Injectable, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { DOCTOR_CHECKS } from '../../src/doctor/index.js';
import { CacheChecks } from '../../src/production-test/checks/cache.checks.js';
import {
  CONFIGURATION_RULES,
  DATABASE_LOGIN_RULES,
  DATABASE_RULES,
  REDIS_RULES,
  RUNTIME_RULES,
  SelfTest,
  type SelfTestCheck,
} from '../../src/production-test/index.js';
import type { CheckOutcome, CheckResult } from '../../src/reports/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { letIn, sabotaged, withoutHeader, type Sabotage } from '../support/sabotage.js';
import { until } from '../support/until.js';

onBothAdapters('the self-tests', (adapter) => {
  let app: TestApp;
  let token: string;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter, THROTTLE_AUTH_LIMIT: '25' });
    token = (await app.register()).token;
  });
  afterAll(() => app.stop());

  it('are listed, with and without the version', async () => {
    for (const path of ['/production-test', '/v1/production-test']) {
      const { checks } = (await app.get(path)).body;
      expect(checks.length).toBeGreaterThanOrEqual(80);
      expect(checks).toContainEqual({
        check: 'audit.chain',
        group: 'audit',
        title: 'The hash chain of the last five minutes is valid',
        reference: 'OWASP ASVS 5.0 V16.4.2',
      });
    }
  });

  it.each(['compression', 'headers', 'auth-flow', 'audit', 'versioning', 'paths'])('pass: %s', async (check) => {
    const { body } = await app.get(`/production-test/${check}`);
    expect(body).toMatchObject({ check, status: 'pass', evidence: { summary: { fail: 0, warn: 0 } } });
    expect(body.checks).toContainEqual(
      expect.objectContaining({ status: 'pass', durationMs: expect.any(Number), reference: expect.any(String) }),
    );
  });

  it('can be run one by one', async () => {
    const { body } = await app.get('/production-test/headers.nosniff');
    expect(body.checks).toHaveLength(1);
    expect((await app.get('/production-test/nonsense')).body).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('warn about a development configuration, and show no secret', async () => {
    const answer = await app.get('/production-test/config');
    expect(answer.body.status).toBe('warn');
    expect(answer.body.remedy).toContain('NODE_ENV=production');
    expect(answer.text).not.toContain('a secret of the test suite');
  });

  it('require authentication for protected tests', async () => {
    for (const path of ['protected', 'roles', 'all-features']) {
      expect((await app.get(`/production-test/${path}`)).status).toBe(401);
    }
    for (const path of ['protected', 'roles']) {
      expect((await app.get(`/production-test/${path}`, { token })).status).toBe(200);
    }
  });

  it('all pass, and run only once for concurrent requests', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => app.get('/production-test/all-features', { token })),
    );
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      const failed = body.checks.filter(({ status }: { status: string }) => status === 'fail');
      expect(failed).toEqual([]);
      expect(body.summary.pass).toBeGreaterThanOrEqual(80);
      expect(body.checks).toEqual(answers[0]?.body.checks);
    }
  });

  it('leave no account behind', async () => {
    expect((await app.get('/production-test/auth-flow')).body).toMatchObject({ status: 'pass' });
    const left = () => app.sql(`SELECT id FROM users WHERE email LIKE '%self-test.invalid'`);
    // A check that timed out removes its account a moment later.
    await until('no account is left', async () => (await left()).length === 0);
  });

  it('remove old accounts of a crashed run at the next start', async () => {
    const left = async (minutes: number) => {
      const { id } = await app.register(`crashed-${minutes}-${adapter}@self-test.invalid`);
      await app.sql(`UPDATE users SET created_at = now() - make_interval(mins => $2) WHERE id = $1`, [id, minutes]);
    };
    await Promise.all([left(1), left(20)]);
    await (await TestApp.start({ HTTP_ADAPTER: adapter })).stop();
    const rows = await app.sql(`DELETE FROM users WHERE email LIKE '%self-test.invalid' RETURNING email`);
    expect(rows).toEqual([[{ email: `crashed-1-${adapter}@self-test.invalid` }], 1]);
  });

  it('allow ten requests to the limited route, then answer 429', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 15; i++)
      statuses.push((await app.get('/production-test/rate-limit', { from: '127.8.8.8' })).status);
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), ...Array.from({ length: 5 }, () => 429)]);
  });
});

describe('a check fails', () => {
  it('when TRUST_PROXY is set, but there is no proxy', async () => {
    const app = await TestApp.start({ TRUST_PROXY: '1' });
    try {
      const { body } = await app.get('/production-test/rate-limit.address');
      expect(body).toMatchObject({ status: 'fail', remedy: expect.stringContaining('TRUST_PROXY') });
    } finally {
      await app.stop();
    }
  });
});

type Look = () => Promise<{ status: string }>;
/** Runs `look` while something is missing from the application. */
type Break = (app: TestApp, look: Look) => ReturnType<Look>;

const by =
  (sabotage: Sabotage): Break =>
  (app, look) =>
    sabotaged(app, sabotage, look);

async function withChangedEvents(app: TestApp, look: Look) {
  // The owner of the table can disable the triggers that prevent changes.
  const set = (outcome: string) =>
    app.sql(`ALTER TABLE audit_events DISABLE TRIGGER USER;
      UPDATE audit_events SET outcome = '${outcome}' WHERE action = 'auth.failed_login';
      ALTER TABLE audit_events ENABLE TRIGGER USER`);
  await app.get('/production-test/audit.recorded');
  // The events must be sealed before the change. Otherwise the seal would contain the changed events.
  await until('all events are sealed', async () => (await app.sql('SELECT FROM audit_unsealed')).length === 0);
  await set('success');
  try {
    return await look();
  } finally {
    await set('failure');
  }
}

async function withoutAuditTable(app: TestApp, look: Look) {
  await app.sql('ALTER TABLE audit_events RENAME TO audit_events_hidden');
  try {
    expect((await app.get('/production-test/audit.recorded')).body).toMatchObject({ status: 'fail' });
    return await look();
  } finally {
    await app.sql('ALTER TABLE audit_events_hidden RENAME TO audit_events');
  }
}

/** What is removed, and the check that must detect it. */
const TAKEN: [what: string, check: string, take: Break][] = [
  ['limits', 'rate-limit.address', by(letIn('/production-test/rate-limit', 429))],
  ['compression', 'compression.encodings', by(({ headers }) => delete headers['accept-encoding'])],
  ['a header', 'headers.suite', by(withoutHeader('x-content-type-options'))],
  ['a header', 'headers.nosniff', by(withoutHeader('x-content-type-options'))],
  ['the refusal of used refresh tokens', 'auth-flow.session', by(letIn('/auth/refresh', 401))],
  ['authentication', 'protected.tokens', by(letIn('/production-test/protected', 401))],
  ['authorisation', 'roles.hierarchy', by(letIn('/production-test/roles/admin-only', 403))],
  ['the request id', 'audit.recorded', by(({ headers }) => delete headers['x-request-id'])],
  ['versions', 'versioning.uri', by((request) => (request.url = request.url?.replace('/v99/', '/v1/')))],
  ['the original events', 'audit.chain', withChangedEvents],
  ['the table of events', 'audit.backlog', withoutAuditTable],
];

onBothAdapters('the checks of a running application', (adapter) => {
  let app: TestApp;
  let token: string;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter });
    token = (await app.register()).token;
  });
  afterAll(() => app.stop());

  it('are each made to fail by a test', async () => {
    const { checks } = (await app.get('/production-test')).body;
    const broken = new Set([
      // Unit tests (*.spec.ts beside the source) make these fail with wrong facts and a broken cache, and verify that
      // none is missing. doctor.e2e.spec.ts makes the others fail with a weak application.
      ...[...CONFIGURATION_RULES, ...RUNTIME_RULES, ...DATABASE_RULES, ...DATABASE_LOGIN_RULES, ...REDIS_RULES].map(
        ({ name }) => name,
      ),
      ...new CacheChecks({} as never).checks.map(({ name }) => name),
      ...DOCTOR_CHECKS.map(({ name }) => name),
      ...TAKEN.map(([, check]) => check),
    ]);
    expect(checks.map(({ check }: { check: string }) => check).filter((name: string) => !broken.has(name))).toEqual([]);
  });

  it.each(TAKEN)('detect the loss of %s: %s', async (_what, check, take) => {
    const look = async () => (await app.get(`/production-test/${check}`, { token })).body;
    expect(await look()).toMatchObject({ status: 'pass' });
    expect(await take(app, look)).toMatchObject({ status: 'fail' });
  });

  it('pass again afterwards', async () => {
    const trail = async () => (await app.get('/production-test/audit')).body;
    await until('the audit trail has recovered', async () => (await trail()).status === 'pass');
    expect(await trail()).toMatchObject({ status: 'pass' });
  });
});

describe('an application’s own check', () => {
  @Injectable()
  @SelfTest()
  class ShelfCheck implements SelfTestCheck {
    readonly name = 'shelves';
    readonly title = 'Shelves are full';
    readonly reference = 'house rule';
    run(): Promise<CheckOutcome> {
      return Promise.reject(new Error('no shelf found'));
    }
  }

  @Module({ providers: [ShelfCheck] })
  class ShelfModule {}

  it('runs with the others, and fails when it throws', async () => {
    const app = await TestApp.start({}, { imports: [ShelfModule] });
    try {
      const { token } = await app.register();
      const { body } = await app.get('/production-test/all-features', { token });
      expect(body.status).toBe('fail');
      expect(body.checks).toContainEqual(
        expect.objectContaining({ check: 'shelves', status: 'fail', evidence: { error: 'no shelf found' } }),
      );
    } finally {
      await app.stop();
    }
  });

  it('is reported as a warning when it does not finish in time', async () => {
    @Injectable()
    @SelfTest()
    class EndlessCheck extends ShelfCheck {
      override run(): Promise<CheckOutcome> {
        return new Promise(() => undefined);
      }
    }
    @Module({ providers: [EndlessCheck] })
    class EndlessModule {}
    const app = await TestApp.start({ PRODUCTION_TEST_TIMEOUT: '1s' }, { imports: [EndlessModule] });
    try {
      const { body } = await app.get('/production-test/shelves');
      expect(body.checks).toMatchObject([{ status: 'warn', evidence: { unfinishedAfterMs: 1_000 } }]);
    } finally {
      await app.stop();
    }
  });
});

describe('the history', () => {
  const runOn = async (app: TestApp) => {
    const { token } = await app.register();
    const { id } = (await app.get('/production-test/all-features', { token })).body;
    return { id: id as string, token };
  };

  it('contains the runs of all replicas if they share a Redis', async () => {
    const env = { REDIS_URL: inject('redisUrl') };
    const [one, other] = [await TestApp.start(env), await TestApp.start(env)];
    try {
      const { id, token } = await runOn(one);
      const { shared, runs } = (await other.get('/production-test/history', { token })).body;
      expect(shared).toBe(true);
      expect(runs).toContainEqual(expect.objectContaining({ id, score: expect.any(Number) }));
      const run = (await other.get(`/production-test/history/${id}`, { token })).body;
      expect(run).toMatchObject({ id, checks: expect.any(Array) });
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
  });

  it('contains only the runs of the process if there is no Redis', async () => {
    const [one, other] = [await TestApp.start(), await TestApp.start()];
    try {
      const { id, token } = await runOn(one);
      const { shared, runs } = (await one.get('/production-test/history', { token })).body;
      expect({ shared, runs }).toEqual({ shared: false, runs: [expect.objectContaining({ id })] });
      expect((await one.get('/production-test/history/latest', { token })).body.id).toBe(id);
      expect((await other.get('/production-test/history/latest', { token })).status).toBe(404);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
  });
});

onBothAdapters('in production', (adapter) => {
  const production = {
    NODE_ENV: 'production',
    HTTP_ADAPTER: adapter,
    JWT_SECRET: 'Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eUo6iKxWqZr',
    BCRYPT_COST: '10',
    THROTTLE_AUTH_LIMIT: '25',
    SHUTDOWN_DRAIN_DELAY: '1s',
  };

  it('the self-tests are disabled', async () => {
    const app = await TestApp.start(production);
    try {
      expect((await app.get('/production-test')).status).toBe(404);
    } finally {
      await app.stop();
    }
  });

  it('the self-tests are for administrators only when they are enabled', async () => {
    const admin = { ADMIN_EMAIL: 'boss@example.com', ADMIN_PASSWORD: 'a long enough password' };
    const app = await TestApp.start({ ...production, ...admin, PRODUCTION_TEST_ENABLED: 'true' });
    try {
      const user = await app.register();
      const boss = await app.login(admin.ADMIN_EMAIL, admin.ADMIN_PASSWORD);
      expect((await app.get('/production-test')).status).toBe(401);
      expect((await app.get('/production-test', { token: user.token })).status).toBe(403);
      expect((await app.get('/production-test', { token: boss.token })).status).toBe(200);
      const { checks } = (await app.get('/production-test/all-features', { token: boss.token })).body;
      // Configuration, database and machine of the tests differ from those of production.
      const isBehaviour = ({ check }: CheckResult) => !/^(?:config|database|runtime)\./.test(check);
      const failed = checks.filter(isBehaviour).filter(({ status }: CheckResult) => status === 'fail');
      expect(failed).toEqual([]);
    } finally {
      await app.stop();
    }
  });
});
