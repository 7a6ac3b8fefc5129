import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { AuthRetention } from '../../src/auth/auth.retention.js';
import { takeAdvisoryLocks } from '../../src/database/index.js';
import { TestApp, type Visitor } from '../support/harness.js';
import { until } from '../support/until.js';

const TEN_MINUTES_MS = 600_000;
const MAX_JITTER_MS = 10_000;

let one: TestApp;
let other: TestApp;
beforeAll(async () => {
  const env = { AUTH_RETENTION: '7d', AUTH_EMAIL_VERIFICATION: 'off' };
  [one, other] = await Promise.all([TestApp.start(env), TestApp.start(env)]);
});
afterAll(() => Promise.all([one.stop(), other.stop()]));

const runOn = (app: TestApp) => app.app.get(AuthRetention, { strict: false }).run();
const countOf = async (table: string, user: Visitor): Promise<number> =>
  (await one.sql(`SELECT count(*)::int AS n FROM ${table} WHERE user_id = $1`, [user.id]))[0].n;

/** Adds sessions of a user that ended this many days ago, by revocation or by expiry. */
const addEnded = (user: Visitor, count: number, how: 'revoked_at' | 'expires_at', days: number) =>
  one.sql(
    `INSERT INTO auth_sessions (id, user_id, refresh_hash, created_at, last_used_at, expires_at, revoked_at)
      SELECT gen_random_uuid(), $1, '\\x00', now(), now(),
        CASE WHEN $3 = 'expires_at' THEN now() - make_interval(days => $4) ELSE now() + interval '1 day' END,
        CASE WHEN $3 = 'revoked_at' THEN now() - make_interval(days => $4) END
      FROM generate_series(1, $2)`,
    [user.id, count, how, days],
  );

it('removes only sessions that ended long ago, in batches, with two replicas at once', async () => {
  const user = await one.register();
  await addEnded(user, 1_500, 'expires_at', 8);
  await addEnded(user, 1_000, 'revoked_at', 8);
  await addEnded(user, 2, 'expires_at', 6);
  await addEnded(user, 3, 'revoked_at', 6);
  await Promise.all([runOn(one), runOn(other)]);
  expect(await countOf('auth_sessions', user)).toBe(1 + 2 + 3);
  expect((await one.get('/auth/profile', { token: user.token })).status).toBe(200);
});

it('skips the run while another replica runs it', async () => {
  const user = await one.register();
  await addEnded(user, 1, 'expires_at', 8);
  await other.app.get(DataSource).transaction(async (manager) => {
    await takeAdvisoryLocks(manager, ['auth-retention']);
    await runOn(one);
    expect(await countOf('auth_sessions', user)).toBe(2);
  });
  await runOn(one);
  expect(await countOf('auth_sessions', user)).toBe(1);
});

it('keeps used refresh tokens while their session is active', async () => {
  const user = await one.register();
  const successor = await one.post('/auth/refresh', { refreshToken: user.refreshToken });
  await one.sql(`UPDATE auth_sessions SET last_used_at = now() - interval '29 days' WHERE user_id = $1`, [user.id]);
  await runOn(one);
  const replayed = await one.post('/auth/refresh', { refreshToken: user.refreshToken });
  expect(replayed.body.code).toBe('AUTH_REFRESH_INVALID');
  expect(await one.auditOf(replayed.body.requestId)).toEqual([expect.objectContaining({ action: 'auth.token_reuse' })]);
  const { refreshToken } = successor.body;
  expect((await one.post('/auth/refresh', { refreshToken })).body.code).toBe('AUTH_REFRESH_INVALID');
});

it('removes expired tokens and mails that failed long ago, but no waiting mails', async () => {
  const [fresh, expired] = [await one.register(), await one.register()];
  for (const { id } of [fresh, expired]) {
    await one.sql(
      `INSERT INTO auth_one_time_tokens (secret_hash, user_id, purpose, email, expires_at)
        VALUES (sha256($2::text::bytea), $1, 'reset-password', 'x', now() + $3::interval)`,
      [id, randomUUID(), id === fresh.id ? '1 hour' : '-1 second'],
    );
  }
  const mails = { wanted: randomUUID(), recent: randomUUID(), old: randomUUID() };
  for (const [id, attempts, next] of [
    [mails.wanted, 29, '1 hour'],
    [mails.recent, 30, '-6 days'],
    [mails.old, 30, '-8 days'],
  ] as const) {
    await one.sql(
      `INSERT INTO mail_outbox (id, encrypted_mail, attempts, next_attempt_at) VALUES ($1, '\\x00', $2, now() + $3::interval)`,
      [id, attempts, next],
    );
  }
  await runOn(one);
  expect([await countOf('auth_one_time_tokens', fresh), await countOf('auth_one_time_tokens', expired)]).toEqual([
    1, 0,
  ]);
  const kept = await one.sql('SELECT id FROM mail_outbox ORDER BY attempts');
  expect(kept.map(({ id }: { id: string }) => id)).toEqual([mails.wanted, mails.recent]);
});

it('runs automatically every ten minutes', async () => {
  const setTimeout = vi.spyOn(globalThis, 'setTimeout');
  const app = await TestApp.start({ AUTH_RETENTION: '7d' });
  const due = setTimeout.mock.calls
    .filter(([, pauseMs = 0]) => pauseMs > TEN_MINUTES_MS - 1_000 && pauseMs < TEN_MINUTES_MS + MAX_JITTER_MS)
    .map(([work]) => work as () => void);
  setTimeout.mockRestore();
  try {
    const user = await app.register();
    await addEnded(user, 1, 'expires_at', 8);
    expect(await countOf('auth_sessions', user)).toBe(2);
    // Run the timers now, without waiting.
    for (const work of due) work();
    await until('the session is removed', async () => (await countOf('auth_sessions', user)) === 1);
  } finally {
    await app.stop();
  }
});
