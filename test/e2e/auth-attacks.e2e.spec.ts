import { randomUUID } from 'node:crypto';
import type { Type } from '@nestjs/common';
import { DiscoveryService, Reflector } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUBLIC_ROUTE, hasRouteFlag } from '../../src/guards/index.js';
import { onBothAdapters, TestApp, type Visitor } from '../support/harness.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** Self-tests call the other routes of the application for seconds. They do not use the id of a user. */
const SELF_TESTS = /^(?:\/v1)?\/production-test/;

interface Route {
  method: string;
  path: string;
  operationId: string;
  isPublic: boolean;
}

type Operations = Partial<Record<(typeof METHODS)[number], { operationId: string }>>;

/** Every route of the OpenAPI document, and whether its decorators make it public. */
async function routesOf(app: TestApp): Promise<Route[]> {
  const { paths } = (await app.get('/docs/openapi.json')).body as { paths: Record<string, Operations> };
  const controllers = app.app.get(DiscoveryService, { strict: false }).getControllers();
  const byName = new Map(controllers.map(({ metatype }) => [metatype?.name, metatype as Type]));
  const reflector = app.app.get(Reflector);
  return Object.entries(paths).flatMap(([path, operations]) =>
    METHODS.flatMap((method) => {
      const operationId = operations[method]?.operationId;
      if (operationId === undefined) return [];
      const [name = '', handler = ''] = operationId.replace(/\W.*/, '').split('_');
      const controller = byName.get(name);
      const prototype = controller?.prototype as Record<string, object> | undefined;
      const target = prototype?.[handler];
      if (!controller || !target) throw new Error(`no handler is known for ${operationId}`);
      return [
        {
          method: method.toUpperCase(),
          path,
          operationId,
          isPublic: hasRouteFlag(reflector, PUBLIC_ROUTE, target, controller),
        },
      ];
    }),
  );
}

/** All data of a user in the database, except the tokens of mails, which any caller can request. */
async function belongingsOf(app: TestApp, { id }: Visitor): Promise<unknown[]> {
  const tables = await app.sql(
    `SELECT table_name FROM information_schema.columns
      WHERE table_schema = 'public' AND column_name = 'user_id' AND table_name <> 'one_time_tokens' ORDER BY 1`,
  );
  const rows = tables.map(({ table_name: table }: { table_name: string }) =>
    app.sql(`SELECT to_jsonb(t) - 'last_used_at' AS data FROM "${table}" t WHERE user_id = $1 ORDER BY 1`, [id]),
  );
  return Promise.all([...rows, app.sql('SELECT to_jsonb(u) AS data FROM users u WHERE id = $1', [id])]);
}

onBothAdapters('every route', (adapter) => {
  let app: TestApp;
  let routes: Route[];
  let victim: Visitor;
  let idsOfVictim: string[];
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter });
    routes = (await routesOf(app)).filter(({ path }) => !SELF_TESTS.test(path));
    victim = await app.register();
    await app.login(victim.email, victim.password);
    const { sessions } = (await app.get('/auth/sessions', { token: victim.token })).body;
    idsOfVictim = [victim.id, ...sessions.map(({ id }: { id: string }) => id)];
  });
  afterAll(() => app.stop());

  it('is in the OpenAPI document, also if it has path parameters', () => {
    expect(routes.length).toBeGreaterThan(40);
    expect(routes.filter(({ path }) => path.includes('{')).length).toBeGreaterThan(3);
  });

  it('returns 401 without a token and for a forged token, unless the route is public', async () => {
    const closed = routes.filter(({ isPublic }) => !isPublic);
    expect(closed.length).toBeGreaterThan(20);
    for (const { method, path } of closed) {
      const target = path.replaceAll(/\{\w+\}/g, victim.id);
      const forged = `${victim.token.slice(0, -6)}AAAAAA`;
      const answers = await Promise.all([app.send(method, target), app.send(method, target, { token: forged })]);
      expect(
        answers.map(({ body }) => body.code),
        `${method} ${path}`,
      ).toEqual(['AUTH_TOKEN_MISSING', 'AUTH_TOKEN_INVALID']);
    }
  });

  it('does not change or show the data of another user', async () => {
    const before = await belongingsOf(app, victim);
    for (const { method, path } of routes) {
      const targets = path.includes('{') ? idsOfVictim.map((id) => path.replaceAll(/\{\w+\}/g, id)) : [path];
      for (const target of targets) {
        // A new attacker each time, because some routes end the session or the account of the caller.
        const attacker = await app.register();
        const named = { id: victim.id, userId: victim.id, user: victim.id, sub: victim.id, sessionId: idsOfVictim[1] };
        const query = new URLSearchParams(named as Record<string, string>);
        const withBody = [{ body: named }, { body: { ...named, email: victim.email } }];
        for (const call of [{}, ...(method === 'GET' ? [] : withBody)]) {
          const answer = await app.send(method, `${target}?${query.toString()}`, { token: attacker.token, ...call });
          expect(answer.status, `${method} ${target}: ${answer.text}`).toBeLessThan(500);
          expect(answer.text, `${method} ${target}`).not.toContain(victim.email);
          const mayAnswer = !path.includes('{') || answer.status > 399;
          expect(mayAnswer, `${method} ${target}: ${answer.status} ${answer.text}`).toBe(true);
        }
      }
    }
    expect(await belongingsOf(app, victim)).toEqual(before);
    expect((await app.get('/auth/profile', { token: victim.token })).status).toBe(200);
  });

  it('does not give a role to a user who asks for one', async () => {
    const wishes = { roles: ['Admin'], role: 'Admin', isAdmin: true, permissions: ['*'], tenantId: randomUUID() };
    for (const { method, path } of routes.filter((route) => route.method !== 'GET')) {
      const attacker = await app.register();
      const target = path.replaceAll(/\{\w+\}/g, attacker.id);
      for (const body of [wishes, { ...wishes, name: 'Some One' }, { ...wishes, user: wishes, __proto__: wishes }]) {
        await app.send(method, target, { token: attacker.token, body });
      }
      const rows = await app.sql('SELECT roles FROM users WHERE id = $1', [attacker.id]);
      // There are no rows if the attacker deleted their own account.
      expect(
        rows.flatMap(({ roles }: { roles: string[] }) => roles).filter((role: string) => role !== 'User'),
        `${method} ${path}`,
      ).toEqual([]);
    }
  });
});

describe('a body with unknown fields', () => {
  it.each<[string, (app: TestApp, extra: object) => Promise<{ status: number }>]>([
    [
      'registration',
      (app, extra) =>
        app.post('/auth/register', {
          email: `${randomUUID()}@example.com`,
          password: 'correct horse battery',
          name: 'Some One',
          ...extra,
        }),
    ],
    [
      'the profile',
      async (app, extra) =>
        app.patch('/auth/profile', { name: 'X', ...extra }, { token: (await app.register()).token }),
    ],
    [
      'the login',
      async (app, extra) => {
        const { email, password } = await app.register();
        return app.post('/auth/login', { email, password, ...extra });
      },
    ],
  ])('is refused by %s', async (_what, send) => {
    const app = await TestApp.start();
    try {
      expect((await send(app, {})).status).toBeLessThan(300);
      for (const extra of [
        { roles: ['Admin'] },
        { lockedAt: null },
        { emailVerifiedAt: '2020-01-01' },
        { id: randomUUID() },
      ]) {
        expect((await send(app, extra)).status).toBe(400);
      }
    } finally {
      await app.stop();
    }
  });
});
