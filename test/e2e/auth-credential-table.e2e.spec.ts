import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  invalidationsReceived,
  browserOf,
  CREDENTIALS,
  usesAt,
  type Credential,
  type Holder,
} from '../support/accounts/credentials.js';
import { ReplicaPair } from '../support/accounts/replica-pair.js';
import { expectedOf, RESET_SUBJECT, Subject, type FactorState } from '../support/accounts/subject.js';

const NEW_PASSWORD = 'a new and better one';

/** Plus: the credential still works after the event. Minus: it is void. Dot: it does not exist before the event. */
type Cell = '+' | '-' | '.';

interface Event {
  readonly factor?: FactorState;
  /** @default 1 */
  readonly resetTokens?: number;
  run(holder: Holder): Promise<void>;
}

let pair: ReplicaPair;
beforeAll(async () => {
  pair = await ReplicaPair.start({ AUTH_COOKIES: 'strict' });
});
afterAll(() => pair.stop());

const asOwner =
  (path: string, status: number, body: (holder: Holder) => object | undefined) => async (holder: Holder) => {
    const [login] = holder.subject.logins;
    expectedOf(await pair.replicas[0].post(path, body(holder), { token: login?.accessToken }), status);
  };
const asAdministrator =
  (method: string, path: string, status: number, ...bodies: (object | undefined)[]) =>
  async ({ subject: { id } }: Holder) => {
    const [{ token }] = pair.administrators;
    for (const body of bodies) {
      expectedOf(await pair.replicas[0].send(method, `/admin/users/${id}${path}`, { token, body }), status);
    }
  };
const withPassword = ({ subject }: Holder) => ({ currentPassword: subject.password });
const withCode = ({ subject }: Holder) => ({ code: subject.authenticator?.at(0) });

async function resetBy(holder: Holder, token: string | undefined): Promise<void> {
  const body = { token, password: NEW_PASSWORD };
  expectedOf(await pair.replicas[0].post('/auth/reset-password', body), 204);
  holder.password = NEW_PASSWORD;
}

const EVENTS = {
  'a change of the password': {
    run: async (holder) => {
      await asOwner('/auth/change-password', 204, (one) => ({ ...withPassword(one), newPassword: NEW_PASSWORD }))(
        holder,
      );
      holder.password = NEW_PASSWORD;
    },
  },
  'a reset of the password': { resetTokens: 2, run: (holder) => resetBy(holder, holder.subject.resetTokens.pop()) },
  'a forced reset': { run: asAdministrator('POST', '/reset-password', 202, undefined) },
  'a lock, and an unlock': { run: asAdministrator('PATCH', '', 200, { locked: true }, { locked: false }) },
  'a deactivation by the owner, undone by an administrator': {
    run: async (holder) => {
      await asOwner('/auth/deactivate-account', 204, withPassword)(holder);
      await asAdministrator('PATCH', '', 200, { deactivated: false })(holder);
    },
  },
  'a deactivation by an administrator, undone': {
    run: asAdministrator('PATCH', '', 200, { deactivated: true }, { deactivated: false }),
  },
  'a confirmed change of the address': {
    run: async (holder) => {
      const { changeEmailToken: token, newEmail } = holder.subject;
      expectedOf(await pair.replicas[0].post('/auth/change-email/confirm', { token }), 204);
      holder.email = newEmail;
    },
  },
  'the confirmation of a second factor': {
    factor: 'pending',
    run: async ({ subject }) => {
      const call = { token: subject.logins[0]?.accessToken };
      const body = { code: subject.authenticator?.at(0) };
      const answer = await pair.replicas[0].post('/auth/mfa/totp/confirm', body, call);
      subject.recoveryCodes = expectedOf(answer, 200).recoveryCodes;
    },
  },
  'the removal of the factor by its owner': {
    run: asOwner('/auth/mfa/totp/disable', 204, (holder) => ({ ...withPassword(holder), ...withCode(holder) })),
  },
  'the removal of the factor by an administrator': { run: asAdministrator('DELETE', '/mfa', 204, undefined) },
  'a change of roles': { run: asAdministrator('PATCH', '', 200, { roles: ['Developer', 'User'] }) },
  'a logout': {
    run: async ({ subject: { logins } }) => {
      const body = { refreshToken: logins[0]?.refreshToken };
      expectedOf(await pair.replicas[0].post('/auth/logout', body), 204);
    },
  },
  'a logout everywhere': { run: asOwner('/auth/logout-all', 204, () => undefined) },
  'an end of all sessions by an administrator': { run: asAdministrator('DELETE', '/sessions', 204, undefined) },
  'a deletion': { run: asOwner('/auth/delete-account', 204, withPassword) },
} satisfies Record<string, Event>;

/**
 * Columns as in CREDENTIALS: access tokens, refresh tokens (own, other), cookies, password, reset, verify, change, mfa,
 * key, totp, code.
 */
const TABLE: Record<keyof typeof EVENTS, string> = {
  'a change of the password': '+ - + - - - - - - - + + +',
  'a reset of the password': '- - - - - - - - - - - + +',
  'a forced reset': '- - - - - - - - - - - + +',
  'a lock, and an unlock': '- - - - - + - - - - - + +',
  'a deactivation by the owner, undone by an administrator': '- - - - - + - - - - - + +',
  'a deactivation by an administrator, undone': '- - - - - + - - - - - + +',
  'a confirmed change of the address': '+ + + + + + - - - - + + +',
  'the confirmation of a second factor': '+ - + - - + + + + . + + +',
  'the removal of the factor by its owner': '+ + + + + + + + + - + - -',
  'the removal of the factor by an administrator': '- - - - - + + + + - + - -',
  'a change of roles': '+ + + + + + + + + - + + +',
  'a logout': '- + - + + + + + + + + + +',
  'a logout everywhere': '- - - - - + + + + + + + +',
  'an end of all sessions by an administrator': '- - - - - + + + + + + + +',
  'a deletion': '- - - - - - - - - - - - -',
};

/** The use of one of these voids others, so each is tested with its own account. */
const VOIDING: readonly Credential[] = ['resetToken', 'changeEmailToken'];
const OTHERS = CREDENTIALS.filter((credential) => !VOIDING.includes(credential) && credential !== 'mfaToken');
/** These come last, because they need the new password. */
const BY_NEW_PASSWORD: readonly Credential[] = ['totp', 'recoveryCode'];

async function holderOf({ factor = 'confirmed', resetTokens = 1 }: Event): Promise<Holder> {
  const subject = await Subject.create(pair, {
    factor: factor === 'confirmed' ? factor : 'none',
    logins: 2,
    apiKeys: 1,
    resetTokens,
  });
  const browser = await browserOf(pair.replicas[0], subject);
  if (factor === 'pending') await subject.beginEnrolment();
  if (factor === 'confirmed') await subject.takeFirstStep();
  return { subject, browser, email: subject.email, password: subject.password };
}

async function observe(event: Event, credentials: readonly Credential[]) {
  const holder = await holderOf(event);
  const uses = usesAt(pair.replicas[1]);
  // The other replica caches the valid state before it receives the event.
  for (const credential of ['accessToken', 'otherAccessToken', 'cookieSession', 'apiKey'] as const) {
    expect(await uses[credential](holder), `${credential} before the event`).toBe(true);
  }
  await event.run(holder);
  await invalidationsReceived(pair);
  const observed: Partial<Record<Credential, Cell>> = {};
  for (const credential of credentials) {
    if (BY_NEW_PASSWORD.includes(credential)) await chooseNewPassword(holder);
    observed[credential] = (await uses[credential](holder)) ? '+' : '-';
  }
  return observed;
}

/** After a forced reset, sets a new password with the token from the mail. */
async function chooseNewPassword(holder: Holder): Promise<void> {
  const { subject, password, email } = holder;
  const mailed = pair.postbox.tokensFor(email, RESET_SUBJECT);
  if (password !== subject.password || mailed.length <= subject.resetTokens.length) return;
  await resetBy(holder, mailed.at(-1));
}

it.each(Object.entries<Event>(EVENTS))('%s leaves each credential as the table says', async (name, event) => {
  const row = TABLE[name as keyof typeof EVENTS].split(' ');
  const expected = Object.fromEntries(CREDENTIALS.map((credential, i) => [credential, row[i]]));
  const observed = {
    ...(await observe(event, ['mfaToken', ...OTHERS])),
    ...(await observe(event, ['resetToken'])),
    ...(await observe(event, ['changeEmailToken'])),
  };
  if (expected['mfaToken'] === '.') observed.mfaToken = '.';
  expect(observed).toEqual(expected);
});
