import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';
import '../support/problem.js';

async function administrator(app: TestApp): Promise<Visitor> {
  const admin = await app.register();
  await app.sql(`UPDATE users SET roles = '{Admin}' WHERE id = $1`, [admin.id]);
  return admin;
}

onBothAdapters('the reference application', (adapter) => {
  let app: TestApp;
  let admin: Visitor;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter });
    admin = await administrator(app);
  });
  afterAll(() => app.stop());

  describe('answers a profile from the cache', () => {
    const profile = async ({ token }: Visitor) => (await app.get('/auth/profile', { token })).body;

    it('only to its owner, until the profile changes', async () => {
      const [ada, bob] = [await app.register(), await app.register()];
      const before = await profile(ada);
      await app.sql(`UPDATE users SET name = 'Past The Library' WHERE id = $1`, [ada.id]);
      expect(await profile(ada)).toEqual(before);
      expect(await profile(bob)).toMatchObject({ id: bob.id, email: bob.email });

      await app.patch('/auth/profile', { name: 'New Name' }, { token: ada.token });
      expect(await profile(ada)).toMatchObject({ id: ada.id, name: 'New Name' });
      await app.patch(`/admin/users/${ada.id}`, { roles: ['Developer'] }, { token: admin.token });
      expect((await profile(ada)).roles).toEqual(['Developer']);
      const { text } = await app.get('/metrics');
      expect(text).toMatch(/^cache_lookups_total{name="profile",outcome="hit_memory"} [1-9]/m);
    });

    it('only while the session is valid', async () => {
      const user = await app.register();
      await profile(user);
      await app.patch(`/admin/users/${user.id}`, { locked: true }, { token: admin.token });
      expect((await app.get('/auth/profile', { token: user.token })).status).toBe(401);
    });
  });

  describe('creates a tenant once', () => {
    const make = (key: string, body: object) =>
      app.post('/admin/tenants', body, { token: admin.token, headers: { 'Idempotency-Key': key } });
    const named = async (name: string) => (await app.sql('SELECT id FROM tenants WHERE name = $1', [name])).length;

    it('even if its administrator repeats the request', async () => {
      const [key, name] = [randomUUID(), randomUUID()];
      const answers = await Promise.all(Array.from({ length: 10 }, () => make(key, { name })));
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(await named(name)).toBe(1);
      expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(9);
      expect(await make(key, { name: 'another' })).toBeProblem({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
      await make(randomUUID(), { name });
      expect(await named(name)).toBe(2);
    });

    it('and stores no answer of a refused request', async () => {
      const [key, name] = [randomUUID(), randomUUID()];
      const { token } = await app.register();
      const call = { token, headers: { 'Idempotency-Key': key } };
      expect((await app.post('/admin/tenants', { name }, call)).status).toBe(403);
      expect((await make(key, { name: '' })).status).toBe(400);
      expect((await make(key, { name })).status).toBe(201);
    });
  });

  describe('lists users in pages', () => {
    const page = (path: string, by = app) => by.get(path, { token: admin.token });

    it('that link to the next and previous pages, also on another replica', async () => {
      const name = randomUUID();
      const users = [];
      for (let i = 0; i < 5; i++) users.push(await app.register(`${name}-${i}@example.com`));
      const ids = users.map(({ id }) => id);
      const path = `/admin/users?limit=2&search=${name}`;
      const other = await TestApp.start({ HTTP_ADAPTER: adapter });
      const idsOf = ({ body }: Awaited<ReturnType<typeof page>>) => body.users.map(({ id }: Visitor) => id);
      const at = (cursor: string, by?: TestApp) => page(`${path}&cursor=${cursor}`, by);

      const first = await page(path);
      const second = await at(first.body.next, other);
      const third = await at(second.body.next);
      expect([first, second, third].map(idsOf)).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
      expect([first.body.prev, third.body.next]).toEqual([null, null]);
      const back = await at(third.body.prev, other);
      expect(idsOf(back)).toEqual(ids.slice(2, 4));
      const start = await at(back.body.prev);
      expect([idsOf(start), start.body.prev]).toEqual([ids.slice(0, 2), null]);
      expect(second.headers['link']).toMatch(/^<[^>]+cursor=[\w-]+>; rel="next", <[^>]+cursor=[\w-]+>; rel="prev"$/);
      await other.stop();
    });

    it('and refuses a forged cursor or a cursor of another list', async () => {
      const { body } = await page('/admin/users?limit=1');
      const refused = { status: 400, code: 'CURSOR_INVALID' };
      expect(await page(`/admin/users?cursor=${randomUUID()}`)).toBeProblem(refused);
      expect(await page(`/admin/users?search=a&cursor=${body.next}`)).toBeProblem(refused);
      expect(await page(`/admin/tenants?cursor=${body.next}`)).toBeProblem(refused);
    });
  });
});

describe('profiles', () => {
  it('are read from the database each time if CACHE_PROFILE_TTL is 0s', async () => {
    const app = await TestApp.start({ CACHE_PROFILE_TTL: '0s' });
    const user = await app.register();
    await app.get('/auth/profile', { token: user.token });
    await app.sql(`UPDATE users SET name = 'Past The Library' WHERE id = $1`, [user.id]);
    expect((await app.get('/auth/profile', { token: user.token })).body.name).toBe('Past The Library');
    await app.stop();
  });
});
