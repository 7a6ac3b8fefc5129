import type { Attempt, Flow } from './flow.js';

const REFUSED = [400, 401, 404, 409];

/** These flows make every older credential of the account invalid. */
const EVERYTHING_ENDS = {
  sessions: 'all',
  endsOpenedBy: ['login', 'second step'],
  oneTimeTokens: 'void',
  mfaTokens: 'void',
  apiKeys: 'void',
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
  { name: 'a login', opens: 'login', success: 200, refusals: [401, 403], effects: {}, run: login },
  {
    name: 'a login that renews an outdated hash',
    opens: 'login',
    startsOutdated: true,
    success: 200,
    refusals: [401, 403],
    effects: {},
    run: login,
  },
  {
    name: 'the second step of a login',
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
    name: 'a refresh',
    success: 200,
    refusals: [401, 409],
    effects: {},
    run: ({ replica, login: { refreshToken } }) => replica.post('/auth/refresh', { refreshToken }),
  },
  {
    name: 'a step-up',
    success: 200,
    refusals: REFUSED,
    effects: {},
    run: post('/auth/step-up', (attempt) => ({ ...withPassword(attempt), code: codeOf(attempt) })),
  },
  {
    name: 'a change of the password',
    success: 204,
    refusals: REFUSED,
    effects: {
      password: 'replaced',
      sessions: 'others',
      endsOpenedBy: ['login', 'second step'],
      oneTimeTokens: 'void',
      mfaTokens: 'void',
    },
    run: post('/auth/change-password', (attempt) => ({ ...withPassword(attempt), newPassword: attempt.newPassword })),
  },
  {
    name: 'a reset of the password',
    uses: 'reset token',
    success: 204,
    refusals: [400, 409],
    effects: { password: 'replaced', ...EVERYTHING_ENDS },
    run: ({ side, replica, subject, newPassword }) => {
      const token = subject.resetTokens.at(-1 - side);
      return replica.post('/auth/reset-password', { token, password: newPassword });
    },
  },
  {
    name: 'a forced reset',
    success: 202,
    refusals: [404, 409],
    effects: { password: 'voided', ...EVERYTHING_ENDS },
    run: ({ replica, administrator: { token }, subject }) =>
      replica.post(`/admin/users/${subject.id}/reset-password`, undefined, { token }),
  },
  {
    name: 'a lock',
    success: 200,
    refusals: [404, 409],
    effects: { account: 'locked', ...EVERYTHING_ENDS },
    run: changeUser({ locked: true }),
  },
  {
    name: 'an unlock',
    startsLocked: true,
    success: 200,
    refusals: [404, 409],
    effects: { account: 'unlocked' },
    run: changeUser({ locked: false }),
  },
  {
    name: 'a deactivation',
    success: 204,
    refusals: REFUSED,
    effects: { account: 'deactivated', ...EVERYTHING_ENDS },
    run: post('/auth/deactivate-account', withPassword),
  },
  {
    name: 'a deletion',
    success: 204,
    refusals: REFUSED,
    effects: { account: 'deleted', ...EVERYTHING_ENDS },
    run: post('/auth/delete-account', withPassword),
  },
  {
    name: 'a confirmed change of the address',
    success: 204,
    refusals: [400, 409],
    effects: { oneTimeTokens: 'void', mfaTokens: 'void' },
    run: ({ replica, subject: { changeEmailToken: token } }) => replica.post('/auth/change-email/confirm', { token }),
  },
  {
    name: 'the start of an enrolment',
    factor: 'pending',
    success: 201,
    refusals: REFUSED,
    effects: {},
    run: post('/auth/mfa/totp'),
  },
  {
    name: 'the confirmation of an enrolment',
    factor: 'pending',
    success: 200,
    refusals: REFUSED,
    effects: { sessions: 'others', endsOpenedBy: ['login'], mfaTokens: 'void' },
    run: post('/auth/mfa/totp/confirm', (attempt) => ({ code: codeOf(attempt) })),
  },
  {
    name: 'the removal of the factor by its owner',
    factor: 'confirmed',
    success: 204,
    refusals: REFUSED,
    effects: { mfaTokens: 'void' },
    run: post('/auth/mfa/totp/disable', (attempt) => ({ ...withPassword(attempt), code: codeOf(attempt) })),
  },
  {
    name: 'the removal of the factor by an administrator',
    factor: 'confirmed',
    success: 204,
    refusals: [404, 409],
    effects: { sessions: 'all', endsOpenedBy: ['second step'], mfaTokens: 'void' },
    run: ({ replica, administrator: { token }, subject }) =>
      replica.delete(`/admin/users/${subject.id}/mfa`, { token }),
  },
  {
    name: 'a renewal of recovery codes',
    factor: 'confirmed',
    success: 200,
    refusals: REFUSED,
    effects: {},
    run: post('/auth/mfa/recovery-codes', (attempt) => ({ code: codeOf(attempt) })),
  },
  {
    name: 'a change of roles',
    success: 200,
    refusals: [404, 409],
    effects: { mfaTokens: 'void' },
    run: changeUser({ roles: ['Developer', 'User'] }),
  },
  {
    name: 'a joining of a tenant',
    startsOutside: true,
    success: 204,
    refusals: [400, 404, 409],
    effects: {},
    run: ({ replica, administrator: { token }, workspace, subject }) =>
      replica.send('PUT', `/admin${workspace.path(subject.id)}`, { token, body: { roles: ['TenantMember'] } }),
  },
  {
    name: 'a leaving of a tenant',
    needsTenantToken: true,
    success: 204,
    refusals: [401, 403, 404, 409],
    effects: {},
    run: ({ replica, tenantToken, workspace, subject }) =>
      replica.delete(workspace.path(subject.id), { token: tenantToken }),
  },
  {
    name: 'a change of roles in a tenant',
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
    name: 'a new API key',
    success: 201,
    refusals: [401, 403, 404, 409],
    effects: {},
    run: post('/api-keys', () => ({ name: 'another robot', permissions: ['orders:read'] })),
  },
  {
    name: 'a revocation of an API key',
    success: 204,
    refusals: [401, 404, 409],
    effects: {},
    run: ({ replica, login: { accessToken: token }, subject }) =>
      replica.delete(`/api-keys/${subject.apiKeys[1]?.id}`, { token }),
  },
  {
    name: 'a logout',
    success: 204,
    refusals: [409],
    effects: { sessions: 'own' },
    run: ({ replica, login: { refreshToken } }) => replica.post('/auth/logout', { refreshToken }),
  },
  {
    name: 'a logout everywhere',
    success: 204,
    refusals: [401, 404, 409],
    effects: { sessions: 'all' },
    run: post('/auth/logout-all'),
  },
  {
    name: 'a request for a reset mail',
    success: 202,
    refusals: [],
    effects: {},
    run: ({ replica, subject: { email } }) => replica.post('/auth/forgot-password', { email }),
  },
];

/** Finds a flow by its name. */
export function flowNamed(name: string): Flow {
  const flow = FLOWS.find((candidate) => candidate.name === name);
  if (!flow) throw new Error(`There is no flow "${name}"`);
  return flow;
}
