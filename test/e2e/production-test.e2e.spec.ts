import { Injectable, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SelfTest, type CheckFinding, type SelfTestCheck } from '../../src/production-test/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

const CHECKS = ['config', 'rate-limit', 'compression', 'headers', 'auth-flow', 'protected', 'roles', 'audit'];

onBothAdapters('the self-tests', (adapter) => {
  let app: TestApp;
  let token: string;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter });
    token = (await app.register()).token;
  });
  afterAll(() => app.stop());

  it('are listed, with and without the version', async () => {
    for (const path of ['/production-test', '/v1/production-test']) {
      const answer = await app.get(path);
      expect(answer.body.checks.map(({ check }: { check: string }) => check).sort()).toEqual([...CHECKS].sort());
    }
  });

  it.each(['compression', 'headers', 'auth-flow', 'audit'])('pass: %s', async (check) => {
    const answer = await app.get(`/production-test/${check}`);
    expect(answer.body).toMatchObject({ check, status: 'pass', reference: expect.any(String) });
  });

  it('warn of what a development configuration lacks, and name no secret', async () => {
    const answer = await app.get('/production-test/config');
    expect(answer.body.status).toBe('warn');
    expect(answer.body.remedy).toContain('NODE_ENV=production');
    expect(answer.text).not.toContain('a secret of the test suite');
  });

  it('keep the closed ones closed', async () => {
    for (const path of ['protected', 'roles', 'all-features']) {
      expect((await app.get(`/production-test/${path}`)).status).toBe(401);
      expect((await app.get(`/production-test/${path}`, { token })).status).toBe(200);
    }
  });

  it('all pass together, and run once for all who ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => app.get('/production-test/all-features', { token })),
    );
    for (const { body } of answers) {
      expect(body.summary).toEqual({ pass: 7, warn: 1, fail: 0, skip: 0 });
      expect(body.checks).toEqual(answers[0]?.body.checks);
    }
  });

  it('leave no account behind', async () => {
    await app.get('/production-test/auth-flow');
    expect(await app.sql(`SELECT id FROM users WHERE email LIKE '%self-test.invalid'`)).toEqual([]);
  });

  it('admit ten requests to the limited route, then answer 429', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 15; i++)
      statuses.push((await app.get('/production-test/rate-limit', { from: '127.8.8.8' })).status);
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), ...Array.from({ length: 5 }, () => 429)]);
  });
});

describe('a check fails', () => {
  const runWith = async (env: Record<string, string>, check: string) => {
    const app = await TestApp.start(env);
    try {
      const { token } = await app.register();
      return (await app.get(`/production-test/${check}`, { token })).body;
    } finally {
      await app.stop();
    }
  };

  it('when proxies are trusted that are none', async () => {
    const app = await TestApp.start({ TRUST_PROXY: '1' });
    try {
      const { token } = await app.register();
      const { body } = await app.get('/production-test/all-features', { token });
      const check = body.checks.find((one: { check: string }) => one.check === 'rate-limit');
      expect(check).toMatchObject({ status: 'fail', remedy: expect.stringContaining('TRUST_PROXY') });
    } finally {
      await app.stop();
    }
  });

  it('when the audit table is gone', async () => {
    const app = await TestApp.start();
    try {
      await app.sql('ALTER TABLE audit_events RENAME TO audit_events_hidden');
      expect((await app.get('/production-test/audit')).body).toMatchObject({ status: 'fail' });
    } finally {
      await app.sql('ALTER TABLE audit_events_hidden RENAME TO audit_events');
      await app.stop();
    }
  });

  it('not for a configuration that lacks nothing', async () => {
    const body = await runWith({ JWT_SECRET: 'Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eUo6iKxWqZr' }, 'config');
    expect(body.evidence.expectations).toContainEqual({
      what: 'tokens are signed with a strong key of their own',
      met: true,
    });
  });
});

describe('an application’s own check', () => {
  @Injectable()
  @SelfTest({ description: 'Shelves are full.' })
  class ShelfCheck implements SelfTestCheck {
    readonly name = 'shelves';
    readonly reference = 'house rule';
    run(): Promise<CheckFinding> {
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
});

describe('in production', () => {
  const production = {
    NODE_ENV: 'production',
    JWT_SECRET: 'Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eUo6iKxWqZr',
    BCRYPT_COST: '10',
  };

  it('the self-tests are off', async () => {
    const app = await TestApp.start(production);
    try {
      expect((await app.get('/production-test')).status).toBe(404);
    } finally {
      await app.stop();
    }
  });

  it('they are for administrators when switched on', async () => {
    const admin = { ADMIN_EMAIL: 'boss@example.com', ADMIN_PASSWORD: 'a long enough password' };
    const app = await TestApp.start({ ...production, ...admin, PRODUCTION_TEST_ENABLED: 'true' });
    try {
      const user = await app.register();
      const boss = await app.login(admin.ADMIN_EMAIL, admin.ADMIN_PASSWORD);
      expect((await app.get('/production-test')).status).toBe(401);
      expect((await app.get('/production-test', { token: user.token })).status).toBe(403);
      expect((await app.get('/production-test', { token: boss.token })).status).toBe(200);
    } finally {
      await app.stop();
    }
  });
});
