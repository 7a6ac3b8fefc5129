import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built } from '../support/built.js';
import { freshDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { TestApp } from '../support/harness.js';
import { Program } from '../support/program.js';

describe('nest-bulwark seed', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let DATABASE_URL: string;
  beforeAll(async () => {
    built();
    folder = await testFolder();
    DATABASE_URL = await freshDatabase();
  });
  afterAll(() => folder.stop());

  const seed = async (env: Record<string, string> = {}, line = 'seed') => {
    const program = new Program(`cli/main.js ${line}`, { DATABASE_URL, BCRYPT_COST: '4', ...env }, folder.path);
    return { code: await program.ends(), output: program.output };
  };

  it('refuses production and a database on another machine', async () => {
    const remote = 'postgres://app:app@db.example/app';
    const refused = await Promise.all([seed({ NODE_ENV: 'production' }), seed({ DATABASE_URL: remote })]);
    expect(refused).toEqual([
      { code: 64, output: expect.stringContaining('not for NODE_ENV=production') },
      { code: 64, output: expect.stringContaining('DATABASE_URL is on another machine') },
    ]);
  });

  it('creates users of each role, tenants, API keys and audit events once, and prints the logins', async () => {
    const first = await seed();
    expect(first).toMatchObject({ code: 0 });
    const [, password = ''] = /^Password of every account: (.+)$/m.exec(first.output) ?? [];
    const [, key = ''] = /API key "Read members" .*: (\S+)$/m.exec(first.output) ?? [];
    const app = await TestApp.start({ DATABASE_URL });
    try {
      const countsOf = () =>
        app.sql(`
          SELECT (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM tenants) AS tenants,
                 (SELECT count(*)::int FROM tenant_members) AS members, (SELECT count(*)::int FROM api_keys) AS keys`);
      const counts = await countsOf();
      expect(counts).toEqual([{ users: 7, tenants: 2, members: 4, keys: 2 }]);
      for (const email of ['admin', 'developer', 'user', 'owner', 'manager', 'member']) {
        expect(first.output).toContain(`${email}@example.com`);
        await app.login(`${email}@example.com`, password);
      }
      const { body } = await app.post('/auth/login', { email: 'locked@example.com', password });
      expect(body.code).toBe('ACCOUNT_LOCKED');
      // No route of the suite accepts API keys: a valid key gets 403, an unknown key gets 401.
      const statusWith = async (token: string) => (await app.get('/auth/profile', { token })).status;
      expect([await statusWith(key), await statusWith(`${key}x`)]).toEqual([403, 401]);
      const events = await app.sql('SELECT DISTINCT action, outcome FROM audit_events');
      expect(events).toEqual(
        expect.arrayContaining([
          { action: 'auth.register', outcome: 'success' },
          { action: 'auth.failed_login', outcome: 'failure' },
          { action: 'api_key.create', outcome: 'success' },
        ]),
      );
      const again = await seed();
      expect(again).toEqual({ code: 0, output: expect.stringContaining('it was printed when it was made') });
      expect(await countsOf()).toEqual(counts);
    } finally {
      await app.stop();
    }
  });
});
