import type { Attempt, Flow } from './flow.js';

const REFUSED = [400, 401, 404, 409];

/** These flows make every older credential of the account invalid. */
const INVALIDATES_ALL_CREDENTIALS = {
  sessions: 'all',
  endsSessionsOpenedBy: ['login', 'second step'],
  oneTimeTokens: 'invalid',
  mfaTokens: 'invalid',
  apiKeys: 'invalid',
} as const;

const login = ({ replica, subject: { email, password } }: Attempt) => replica.post('/auth/login', { email, password });

const post = (path: string, body?: (attempt: Attempt) => object) => (attempt: Attempt) =>
  attempt.replica.post(path, body?.(attempt), { token: attempt.login.accessToken });

const changeUser =
  (body: object) =>
  ({ replica, administrator: { token }, subject }: Attempt) =>
    replica.patch(`/admin/users/${subject.id}`, body, { token });

/** One side uses a TOTP code, the other a recovery code if there is one, because each code is valid only once. */
function codeOf({ side, subject: { authenticator, recoveryCodes } }: Attempt): string | undefined {
  return side === 0 ? authenticator?.at(0) : (recoveryCodes.at(-1) ?? authenticator?.at(1));
}

const withPassword = ({ subject: { password } }: Attempt) => ({ currentPassword: password });

export const FLOWS: readonly Flow[] = [
  { name: 'login', opens: 'login', success: 200, refusals: [401, 403], effects: {}, run: login },
  {
    name: 'login that replaces an outdated hash',
    opens: 'login',
    startsWithOutdatedHash: true,
    success: 200,
    refusals: [401, 403],
    effects: {},
    run: login,
  },
  {
    name: 'second login step',
    opens: 'second step',
    factor: 'confirmed',
    uses: 'mfa token',
    success: 200,
    refusals: [401, 403],
    effects: {},
    run: (attempt) => {
      const mfaToken = attempt.subject.mfaTokens.at(-1 - attempt.side);
      return attempt.replica.post('/auth/login/mfa', { mfaToken, code: codeOf(attempt) });
    },
  },
  {
    name: 'token refresh',
    success: 200,
    refusals: [401, 409],
    effects: {},
    run: ({ replica, login: { refreshToken } }) => replica.post('/auth/refresh', { refreshToken }),
  },
  {
    name: 'step-up',
    success: 200,
    refusals: REFUSED,
    effects: {},
    run: post('/auth/step-up', (attempt) => ({ ...withPassword(attempt), code: codeOf(attempt) })),
  },
  {
    name: 'password change',
    success: 204,
    refusals: REFUSED,
    effects: {
      password: 'replaced',
      sessions: 'others',
      endsSessionsOpenedBy: ['login', 'second step'],
      oneTimeTokens: 'invalid',
      mfaTokens: 'invalid',
    },
    run: post('/auth/change-password', (attempt) => ({ ...withPassword(attempt), newPassword: attempt.newPassword })),
  },
  {
    name: 'password reset',
    uses: 'reset token',
    success: 204,
    refusals: [400, 409],
    effects: { password: 'replaced', ...INVALIDATES_ALL_CREDENTIALS },
    run: ({ side, replica, subject, newPassword }) => {
      const token = subject.resetTokens.at(-1 - side);
      return replica.post('/auth/reset-password', { token, password: newPassword });
    },
  },
  {
    name: 'password reset forced by an administrator',
    success: 202,
    refusals: [404, 409],
    effects: { password: 'removed', ...INVALIDATES_ALL_CREDENTIALS },
    run: ({ replica, administrator: { token }, subject }) =>
      replica.post(`/admin/users/${subject.id}/reset-password`, undefined, { token }),
  },
  {
    name: 'account lock',
    success: 200,
    refusals: [404, 409],
    effects: INVALIDATES_ALL_CREDENTIALS,
    run: changeUser({ locked: true }),
  },
  {
    name: 'account unlock',
    startsLocked: true,
    success: 200,
    refusals: [404, 409],
    effects: {},
    run: changeUser({ locked: false }),
  },
  {
    name: 'account deactivation',
    success: 204,
    refusals: REFUSED,
    effects: INVALIDATES_ALL_CREDENTIALS,
    run: post('/auth/deactivate-account', withPassword),
  },
  {
    name: 'account deletion',
    success: 204,
    refusals: REFUSED,
    effects: INVALIDATES_ALL_CREDENTIALS,
    run: post('/auth/delete-account', withPassword),
  },
  {
    name: 'email change confirmation',
    success: 204,
    refusals: [400, 409],
    effects: { oneTimeTokens: 'invalid', mfaTokens: 'invalid' },
    run: ({ replica, subject: { changeEmailToken: token } }) => replica.post('/auth/change-email/confirm', { token }),
  },
  {
    name: 'second factor enrolment',
    factor: 'pending',
    success: 201,
    refusals: REFUSED,
    effects: {},
    run: post('/auth/mfa/totp'),
  },
  {
    name: 'second factor confirmation',
    factor: 'pending',
    success: 200,
    refusals: REFUSED,
    effects: { sessions: 'others', endsSessionsOpenedBy: ['login'], mfaTokens: 'invalid' },
    run: post('/auth/mfa/totp/confirm', (attempt) => ({ code: codeOf(attempt) })),
  },
  {
    name: 'second factor removal by the user',
    factor: 'confirmed',
    success: 204,
    refusals: REFUSED,
    effects: { mfaTokens: 'invalid' },
    run: post('/auth/mfa/totp/disable', (attempt) => ({ ...withPassword(attempt), code: codeOf(attempt) })),
  },
  {
    name: 'second factor removal by an administrator',
    factor: 'confirmed',
    success: 204,
    refusals: [404, 409],
    effects: { sessions: 'all', endsSessionsOpenedBy: ['second step'], mfaTokens: 'invalid' },
    run: ({ replica, administrator: { token }, subject }) =>
      replica.delete(`/admin/users/${subject.id}/mfa`, { token }),
  },
  {
    name: 'recovery code renewal',
    factor: 'confirmed',
    success: 200,
    refusals: REFUSED,
    effects: {},
    run: post('/auth/mfa/recovery-codes', (attempt) => ({ code: codeOf(attempt) })),
  },
  {
    name: 'role change',
    success: 200,
    refusals: [404, 409],
    effects: { mfaTokens: 'invalid' },
    run: changeUser({ roles: ['Developer', 'User'] }),
  },
  {
    name: 'tenant membership creation',
    startsOutsideTenant: true,
    success: 204,
    refusals: [400, 404, 409],
    effects: {},
    run: ({ replica, administrator: { token }, workspace, subject }) =>
      replica.send('PUT', `/admin${workspace.path(subject.id)}`, { token, body: { roles: ['TenantMember'] } }),
  },
  {
    name: 'tenant membership removal',
    needsTenantToken: true,
    success: 204,
    refusals: [401, 403, 404, 409],
    effects: {},
    run: ({ replica, tenantToken, workspace, subject }) =>
      replica.delete(workspace.path(subject.id), { token: tenantToken }),
  },
  {
    name: 'tenant role change',
    success: 204,
    refusals: [403, 404, 409],
    effects: {},
    run: ({ replica, workspace, subject }) =>
      replica.send('PUT', workspace.path(subject.id), {
        token: workspace.ownerToken,
        body: { roles: ['TenantManager'] },
      }),
  },
  {
    name: 'API key creation',
    success: 201,
    refusals: [401, 403, 404, 409],
    effects: {},
    run: post('/api-keys', () => ({ name: 'another robot', permissions: ['orders:read'] })),
  },
  {
    name: 'API key revocation',
    success: 204,
    refusals: [401, 404, 409],
    effects: {},
    run: ({ replica, login: { accessToken: token }, subject }) =>
      replica.delete(`/api-keys/${subject.apiKeys[1]?.id}`, { token }),
  },
  {
    name: 'logout',
    success: 204,
    refusals: [409],
    effects: { sessions: 'own' },
    run: ({ replica, login: { refreshToken } }) => replica.post('/auth/logout', { refreshToken }),
  },
  {
    name: 'logout from all sessions',
    success: 204,
    refusals: [401, 404, 409],
    effects: { sessions: 'all' },
    run: post('/auth/logout-all'),
  },
  {
    name: 'password reset request',
    success: 202,
    refusals: [],
    effects: {},
    run: ({ replica, subject: { email } }) => replica.post('/auth/forgot-password', { email }),
  },
];
