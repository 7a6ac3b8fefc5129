import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { administratorOf, registered, ReplicaPair } from '../support/accounts/replica-pair.js';
import { RESET_SUBJECT, Subject } from '../support/accounts/subject.js';
import type { Answer } from '../support/client.js';
import { Dice } from '../support/fuzz.js';
import type { TestApp, Visitor } from '../support/harness.js';
import { amountOf } from '../support/long-form.js';
import { DatabaseLatency } from '../support/races/database-latency.js';
import { addMember, rolesIn, tenantOf, tokenIn } from '../support/races/workspace.js';

const SEED = Number(process.env['RACE_SEED'] ?? randomInt(2 ** 31));
const ROUNDS = 6 * amountOf('RACE_ROUNDS', { short: 1, long: 10 });
const MAX_OFFSET_MS = 4;
const KEY_LIMIT = 50;

const dice = new Dice(SEED);
let pair: ReplicaPair;
let latency: DatabaseLatency;
beforeAll(async () => {
  pair = await ReplicaPair.start();
  latency = new DatabaseLatency(dice);
  for (const replica of pair.replicas) latency.addTo(replica);
});
afterAll(() => pair.stop());

type Call = (replica: TestApp) => Promise<Answer>;

/** All calls within a few milliseconds, one after the other on one replica and the other. */
function atOnce(calls: readonly Call[]): Promise<Answer[]> {
  return latency.during(async () => {
    const answers = await Promise.all(
      calls.map(async (call, i) => {
        await sleep(dice.next() * MAX_OFFSET_MS);
        return call(pair.replicas[i % 2 === 0 ? 0 : 1]);
      }),
    );
    await pair.finishBackgroundWork();
    expect(answers.filter(({ status }) => status >= 500).map(({ text }) => text)).toEqual([]);
    return answers;
  });
}

const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status).toSorted((a, b) => a - b);

/** Runs one round after the other. A failure names its round. */
async function rounds(run: () => Promise<void>): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    try {
      await run();
    } catch (error) {
      if (error instanceof Error) error.message = `round ${round} of RACE_SEED=${SEED}: ${error.message}`;
      throw error;
    }
  }
}

const logIn = (email: string, password: string) => pair.replicas[1].post('/auth/login', { email, password });

describe('at the same moment on two replicas', { tags: 'long', timeout: 50_000 * ROUNDS }, () => {
  it('only one of two changes of a password succeeds, and its password is the new one', () =>
    rounds(async () => {
      const { email, password, logins } = await Subject.create(pair, { logins: 2, apiKeys: 0 });
      const passwords = ['the password of the first', 'the password of the second'];
      const answers = await atOnce(
        passwords.map((newPassword, i) => (replica) => {
          const body = { currentPassword: password, newPassword };
          return replica.post('/auth/change-password', body, { token: logins[i]?.accessToken });
        }),
      );
      const accepted = passwords.filter((_, i) => answers[i]?.status === 204);
      expect(accepted).toHaveLength(1);
      const working: string[] = [];
      for (const one of [password, ...passwords]) if ((await logIn(email, one)).status === 200) working.push(one);
      expect(working).toEqual(accepted);
    }));

  it('twenty new API keys do not exceed the limit of a user', () =>
    rounds(async () => {
      const user = await registered(pair.replicas[0]);
      await pair.sql(
        `INSERT INTO api_keys (id, user_id, name, secret_hash, permissions, created_at, expires_at)
          SELECT gen_random_uuid(), $1, 'robot', sha256(n::text::bytea), '{orders:read}', now(), now() + interval '1 day'
          FROM generate_series(1, ${KEY_LIMIT - 5}) AS n`,
        [user.id],
      );
      const body = { name: 'one too many', permissions: ['orders:read'] };
      const make: Call = (replica) => replica.post('/api-keys', body, { token: user.token });
      const answers = await atOnce(Array.from({ length: 20 }, () => make));
      expect(statusesOf(answers)).toEqual([...Array(5).fill(201), ...Array(15).fill(409)]);
      const rows = await pair.sql('SELECT 1 FROM api_keys WHERE user_id = $1', [user.id]);
      expect(rows).toHaveLength(KEY_LIMIT);
    }));

  it.each([0, 1])('two requests for a reset mail send one token each, and both tokens work (used: %i)', (used) =>
    rounds(async () => {
      const { email } = await registered(pair.replicas[0]);
      const ask: Call = (replica) => replica.post('/auth/forgot-password', { email });
      expect(statusesOf(await atOnce([ask, ask]))).toEqual([202, 202]);
      const tokens = await pair.postbox.waitForTokens(email, RESET_SUBJECT, 2);
      const body = { token: tokens[used], password: 'a new and better one' };
      expect((await pair.replicas[used === 0 ? 0 : 1].post('/auth/reset-password', body)).status).toBe(204);
      expect((await logIn(email, 'a new and better one')).status).toBe(200);
    }),
  );

  it('four logins while a second factor is confirmed leave no session without it, and each mfaToken works', () =>
    rounds(async () => {
      const subject = await Subject.create(pair, { factor: 'pending', logins: 1, apiKeys: 0 });
      const { email, password } = subject;
      const call = { token: subject.logins[0]?.accessToken };
      const confirm: Call = (replica) =>
        replica.post('/auth/mfa/totp/confirm', { code: subject.authenticator?.at(0) }, call);
      const login: Call = (replica) => replica.post('/auth/login', { email, password });
      const [confirmed, ...logins] = await atOnce([confirm, login, login, login, login]);
      expect(confirmed?.status).toBe(200);
      const uses: Answer[] = [];
      for (const { status, body } of logins) {
        await subject.forgetUsedSteps();
        const { refreshToken, mfaToken } = body;
        const [path, use] =
          status === 200
            ? ['/auth/refresh', { refreshToken }]
            : ['/auth/login/mfa', { mfaToken, code: subject.authenticator?.at(0) }];
        uses.push(await pair.replicas[1].post(path, use));
      }
      // A session without the factor has ended. A token of the first step gives a session with the factor.
      expect(uses.map(({ status }) => status)).toEqual(logins.map(({ status }) => (status === 200 ? 401 : 200)));
      const sessions = `SELECT 1 FROM auth_sessions WHERE user_id = $1 AND revoked_at IS NULL AND NOT 'mfa' = ANY (methods)`;
      expect(await pair.sql(`${sessions} AND id <> $2`, [subject.id, subject.logins[0]?.sessionId])).toEqual([]);
    }));

  it('two owners cannot both leave a tenant', () =>
    rounds(async () => {
      const { tenantId, owners, tokens } = await tenantOfTwo();
      const answers = await atOnce(
        owners.map(
          ({ id }, i) =>
            (replica) =>
              replica.delete(`/tenants/${tenantId}/members/${id}`, { token: tokens[i] }),
        ),
      );
      expect(statusesOf(answers)).toEqual([204, 409]);
      expect([...(await rolesIn(pair, tenantId)).values()]).toEqual([['TenantOwner']]);
    }));

  it('two owners cannot both demote each other', () =>
    rounds(async () => {
      const { tenantId, owners, tokens } = await tenantOfTwo();
      const answers = await atOnce(
        owners.map((_, i) => (replica) => {
          const body = { roles: ['TenantMember'] };
          return replica.send('PUT', `/tenants/${tenantId}/members/${owners[1 - i]?.id}`, { token: tokens[i], body });
        }),
      );
      expect(statusesOf(answers).filter((status) => status === 204)).toHaveLength(1);
      expect([...(await rolesIn(pair, tenantId)).values()].flat()).toContain('TenantOwner');
    }));

  it('two owners cannot leave a tenant without an owner by deleting or deactivating their accounts', () =>
    rounds(async () => {
      const { tenantId, owners } = await tenantOfTwo();
      const paths = ['/auth/delete-account', '/auth/deactivate-account'];
      const answers = await atOnce(
        owners.map(
          ({ password: currentPassword, token }, i) =>
            (replica) =>
              replica.post(paths[i] ?? '', { currentPassword }, { token }),
        ),
      );
      expect(statusesOf(answers)).toEqual([204, 409]);
      const active = `SELECT 1 FROM tenant_members m JOIN users u ON u.id = m.user_id
        WHERE m.tenant_id = $1 AND 'TenantOwner' = ANY (m.roles) AND u.deactivated_at IS NULL`;
      expect(await pair.sql(active, [tenantId])).toHaveLength(1);
    }));

  it('a change of a member does not restore a member whom another owner is removing', () =>
    rounds(async () => {
      const { tenantId, tokens } = await tenantOfTwo();
      const member = await registered(pair.replicas[0]);
      await addMember(pair, tenantId, member.id, 'TenantMember');
      const path = `/tenants/${tenantId}/members/${member.id}`;
      const [removed, changed] = await atOnce([
        (replica) => replica.delete(path, { token: tokens[0] }),
        (replica) => replica.send('PUT', path, { token: tokens[1], body: { roles: ['TenantManager'] } }),
      ]);
      expect(removed?.status).toBe(204);
      expect([204, 404]).toContain(changed?.status);
      expect((await rolesIn(pair, tenantId)).has(member.id)).toBe(false);
    }));

  it('a manager does not remove a member who becomes an owner', () =>
    rounds(async () => {
      const { tenantId, owners, tokens } = await tenantOfTwo();
      const [manager, member] = [owners[1] as Visitor, await registered(pair.replicas[0])];
      await addMember(pair, tenantId, manager.id, 'TenantManager');
      await addMember(pair, tenantId, member.id, 'TenantMember');
      const path = `/tenants/${tenantId}/members/${member.id}`;
      const [promoted, removed] = await atOnce([
        (replica) => replica.send('PUT', path, { token: tokens[0], body: { roles: ['TenantOwner'] } }),
        (replica) => replica.delete(path, { token: tokens[1] }),
      ]);
      // Either promoted first, so the manager may not remove the owner; or removed first, so nobody can be promoted.
      const roles = (await rolesIn(pair, tenantId)).get(member.id);
      const outcome = [promoted?.status, removed?.status, roles?.join()];
      expect([
        [204, 403, 'TenantOwner'],
        [404, 204, undefined],
      ]).toContainEqual(outcome);
    }));

  it.each<[string, (victim: Visitor) => (replica: TestApp, actor: Visitor) => Promise<Answer>]>([
    [
      'demote',
      (victim) =>
        (replica, { token }) =>
          patchUser(replica, victim, { roles: ['User'] }, token),
    ],
    [
      'lock',
      (victim) =>
        (replica, { token }) =>
          patchUser(replica, victim, { locked: true }, token),
    ],
    [
      'deactivate',
      (victim) =>
        (replica, { token }) =>
          patchUser(replica, victim, { deactivated: true }, token),
    ],
  ])('two administrators cannot both %s each other', (_what, act) =>
    rounds(async () => {
      await withOnlyAdministrators(async (one, two) => {
        const answers = await atOnce([(replica) => act(two)(replica, one), (replica) => act(one)(replica, two)]);
        expect(statusesOf(answers).filter((status) => status === 200)).toHaveLength(1);
        expect(await activeAdministrators()).toBe(1);
      });
    }),
  );

  it('two administrators cannot both delete their accounts', () =>
    rounds(async () => {
      await withOnlyAdministrators(async (...both) => {
        const answers = await atOnce(
          both.map(
            ({ password: currentPassword, token }) =>
              (replica) =>
                replica.post('/auth/delete-account', { currentPassword }, { token }),
          ),
        );
        expect(statusesOf(answers)).toEqual([204, 409]);
        expect(await activeAdministrators()).toBe(1);
      });
    }));

  it('three administrators can change the tenants of the same users in different order', () =>
    rounds(async () => {
      const third = await administratorOf(pair.replicas[0]);
      const actors = [...pair.administrators, third];
      const ids = await Promise.all(Array.from({ length: 6 }, () => tenantOf(pair)));
      const user = await registered(pair.replicas[0]);
      const orders = [ids, ids.toReversed(), [...ids.slice(3), ...ids.slice(0, 3)]];
      const answers = await atOnce(
        orders.map((order, i) => (replica) => {
          const tenants = order.map((id) => ({ id, roles: ['TenantMember'] }));
          return patchUser(replica, user, { tenants }, actors[i]?.token);
        }),
      );
      for (const status of statusesOf(answers)) expect([200, 409]).toContain(status);
      expect(await pair.sql('SELECT 1 FROM tenant_members WHERE user_id = $1', [user.id])).toHaveLength(6);
    }));

  it('a new tenant has an owner even if that user is being deleted', () =>
    rounds(async () => {
      const owner = await registered(pair.replicas[0]);
      const name = `Tenant ${randomUUID()}`;
      const [{ token }] = pair.administrators;
      const [made, deleted] = await atOnce([
        (replica) => replica.post('/admin/tenants', { name, ownerId: owner.id }, { token }),
        (replica) => replica.post('/auth/delete-account', { currentPassword: owner.password }, { token: owner.token }),
      ]);
      const ownerless = `SELECT t.id FROM tenants t WHERE t.name = $1
        AND NOT EXISTS (SELECT 1 FROM tenant_members m WHERE m.tenant_id = t.id AND 'TenantOwner' = ANY (m.roles))`;
      expect(await pair.sql(ownerless, [name])).toEqual([]);
      // Either the tenant is created first and its last owner stays, or the deletion is first and there is no tenant.
      expect([201, 400, 404, 409, 422]).toContain(made?.status);
      expect(deleted?.status).toBe(made?.status === 201 ? 409 : 204);
    }));
});

it('a new tenant with an unknown owner is not stored', async () => {
  const name = `Tenant ${randomUUID()}`;
  const call = { token: pair.administrators[0].token };
  const { status } = await pair.replicas[0].post('/admin/tenants', { name, ownerId: randomUUID() }, call);
  expect([400, 404, 409, 422]).toContain(status);
  expect(await pair.sql('SELECT id FROM tenants WHERE name = $1', [name])).toEqual([]);
});

function patchUser(replica: TestApp, { id }: Visitor, body: object, token?: string): Promise<Answer> {
  return replica.patch(`/admin/users/${id}`, body, { token });
}

/** A tenant with two owners. Each of them has a token for it. */
async function tenantOfTwo() {
  const [one] = pair.replicas;
  const owners = [await registered(one), await registered(one)];
  const tenantId = await tenantOf(pair, owners[0]?.id);
  await addMember(pair, tenantId, owners[1]?.id ?? '', 'TenantOwner');
  const tokens = await Promise.all(owners.map(({ token }) => tokenIn(one, token, tenantId)));
  return { tenantId, owners, tokens };
}

/** Calls `work` with the only two administrators. */
async function withOnlyAdministrators(work: (one: Visitor, two: Visitor) => Promise<void>): Promise<void> {
  const [one, two] = [await administratorOf(pair.replicas[0]), await administratorOf(pair.replicas[0])];
  const others = await pair.sql(
    `UPDATE users SET roles = '{User}' WHERE 'Admin' = ANY (roles) AND id <> ALL ($1::uuid[]) RETURNING id`,
    [[one.id, two.id]],
  );
  try {
    await work(one, two);
  } finally {
    const ids = others[0].map(({ id }: { id: string }) => id);
    await pair.sql(`UPDATE users SET roles = '{Admin,User}' WHERE id = ANY ($1::uuid[])`, [ids]);
  }
}

async function activeAdministrators(): Promise<number> {
  const rows = await pair.sql(
    `SELECT 1 FROM users WHERE 'Admin' = ANY (roles) AND locked_at IS NULL AND deactivated_at IS NULL`,
  );
  return rows.length;
}
