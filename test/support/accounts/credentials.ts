import { Browser } from '../browser.js';
import type { TestApp } from '../harness.js';
import { until } from '../until.js';
import { registered, type ReplicaPair } from './replica-pair.js';
import { expectedOf, type Subject } from './subject.js';

/** Every kind of credential of an account. */
export const CREDENTIALS = [
  'accessToken',
  'otherAccessToken',
  'refreshToken',
  'otherRefreshToken',
  'cookieSession',
  'password',
  'resetToken',
  'verifyEmailToken',
  'changeEmailToken',
  'mfaToken',
  'apiKey',
  'totp',
  'recoveryCode',
] as const;

export type Credential = (typeof CREDENTIALS)[number];

/** A subject whose credentials are used on another replica than the one that handled the event. */
export interface Holder {
  readonly subject: Subject;
  readonly browser: Browser;
  /** Password and address after the event. */
  password: string;
  email: string;
}

/** A browser that is logged in by cookies. */
export async function browserOf(app: TestApp, { email, password, recoveryCodes }: Subject): Promise<Browser> {
  const browser = new Browser(app);
  const first = await browser.post('/auth/login', { email, password });
  if (first.status !== 401) expectedOf(first, 200);
  else {
    const body = { mfaToken: first.body.mfaToken, code: recoveryCodes.shift() };
    expectedOf(await browser.post('/auth/login/mfa', body), 200);
  }
  return browser;
}

/** The same browser, whose requests reach another replica. */
export function browserAt(app: TestApp, browser: Browser): Browser {
  const moved = new Browser(app);
  for (const name of browser.names()) moved.set(name, browser.cookie(name) ?? '');
  moved.csrfToken = browser.csrfToken;
  return moved;
}

/** Checks whether each credential works at a replica. A check does not change credentials that are checked later. */
export function usesAt(app: TestApp): Record<Credential, (holder: Holder) => Promise<boolean>> {
  const isOk = async (path: string, token = '') => (await app.get(path, { token })).status === 200;
  const refreshes = async (refreshToken = '') => (await app.post('/auth/refresh', { refreshToken })).status === 200;
  const firstStep = async ({ email, password }: Pick<Holder, 'email' | 'password'>) =>
    app.post('/auth/login', { email, password }, { headers: { 'Token-Delivery': 'body' } });
  const secondStep = async (mfaToken: string, code?: string) => {
    const headers = { 'Token-Delivery': 'body' };
    return (await app.post('/auth/login/mfa', { mfaToken, code }, { headers })).status === 200;
  };
  const isCodeGood = async (holder: Holder, code?: string) => {
    await holder.subject.forgetUsedSteps();
    const { body } = await firstStep(holder);
    return body?.mfaToken !== undefined && secondStep(body.mfaToken, code);
  };
  const redeems = async (path: string, token: string, more: object = {}) =>
    (await app.post(path, { token, ...more })).status === 204;
  return {
    accessToken: ({ subject }) => isOk('/auth/profile', subject.logins[0]?.accessToken),
    otherAccessToken: ({ subject }) => isOk('/auth/profile', subject.logins[1]?.accessToken),
    refreshToken: ({ subject }) => refreshes(subject.logins[0]?.refreshToken),
    otherRefreshToken: ({ subject }) => refreshes(subject.logins[1]?.refreshToken),
    cookieSession: async ({ browser }) => {
      const moved = browserAt(app, browser);
      const { status } = await moved.get('/auth/profile');
      return status === 200 || (await moved.post('/auth/refresh')).status === 200;
    },
    password: async ({ email, subject: { password } }) => {
      const { status, body } = await firstStep({ email, password });
      return status === 200 || body?.code === 'AUTH_MFA_REQUIRED';
    },
    resetToken: ({ subject }) =>
      redeems('/auth/reset-password', subject.resetTokens[0] ?? '', { password: 'the password of a thief' }),
    verifyEmailToken: ({ subject }) => redeems('/auth/verify-email', subject.verifyToken),
    changeEmailToken: ({ subject }) => redeems('/auth/change-email/confirm', subject.changeEmailToken),
    mfaToken: async ({ subject }) => {
      await subject.forgetUsedSteps();
      return secondStep(subject.mfaTokens.at(-1) ?? '', subject.authenticator?.at(0));
    },
    apiKey: ({ subject }) => isOk('/orders', subject.apiKeys[0]?.key),
    totp: (holder) => isCodeGood(holder, holder.subject.authenticator?.at(0)),
    recoveryCode: (holder) => isCodeGood(holder, holder.subject.recoveryCodes[0]),
  };
}

/**
 * Waits until the second replica has received all earlier invalidation messages of the first. Messages keep their order:
 * when the last one has arrived, all others have arrived too.
 */
export async function invalidationsReceived({ replicas: [one, other] }: ReplicaPair): Promise<void> {
  const { token, refreshToken } = await registered(one);
  const isOver = async () => (await other.get('/auth/profile', { token })).status === 401;
  if (await isOver()) throw new Error('a session that was just opened has to live');
  await one.post('/auth/logout', { refreshToken });
  await until('the second replica receives the logout', isOver, { withinMs: 15_000, everyMs: 5 });
}
