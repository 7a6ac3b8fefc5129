import { z } from 'zod';
import { action, count, names, OCSF } from './action.js';

const { access, account, api, authentication, group } = OCSF;

/** Roles in each tenant, by the id of the tenant. */
const memberships = z.record(z.string(), names);

/** What administrators change: users, tenants, API keys. */
export const administrationActions = {
  'user.admin_create': action({
    description: 'The command line or the start created an administrator.',
    owasp: 'user_created',
    ocsf: account.Create,
  }),
  'user.create': action({
    description: 'An administrator created an account.',
    owasp: 'user_created',
    ocsf: account.Create,
    metadata: z.object({ roles: names }),
  }),
  'user.roles_change': action({
    description: 'The roles of a user changed.',
    owasp: 'privilege_permissions_changed',
    ocsf: access.Other,
    metadata: z.object({ before: names, after: names }),
  }),
  'user.tenants_change': action({
    description: 'The tenants of a user changed.',
    owasp: 'privilege_permissions_changed',
    ocsf: access.Other,
    metadata: z.object({ before: memberships, after: memberships }),
  }),
  'user.lock': action({
    description: 'An account was locked.',
    owasp: 'authn_login_lock',
    ocsf: account.Lock,
  }),
  'user.unlock': action({
    description: 'An account was unlocked.',
    owasp: 'user_updated',
    ocsf: account.Enable,
  }),
  'user.deactivate': action({
    description: 'An account was deactivated.',
    owasp: 'user_archived',
    ocsf: account.Disable,
  }),
  'user.reactivate': action({
    description: 'A deactivated account was activated again.',
    owasp: 'user_updated',
    ocsf: account.Enable,
  }),
  'user.mfa_removed': action({
    description: 'The second factor of a user was removed.',
    owasp: 'user_updated',
    ocsf: account['MFA Factor Disable'],
  }),
  'user.password_reset_forced': action({
    description: 'The password of a user was made invalid; a mail resets it.',
    owasp: 'user_updated',
    ocsf: account['Password Reset'],
  }),
  'user.sessions_end': action({
    description: 'All sessions of a user ended.',
    owasp: 'authn_token_revoked',
    ocsf: authentication.Logoff,
    metadata: z.object({ ended: count }),
  }),
  'tenant.create': action({
    description: 'A tenant was created. `repeated`: the request was a repetition, and found its tenant.',
    owasp: 'sensitive_create',
    ocsf: group.Create,
    metadata: z.object({ name: z.string(), ownerId: z.string().optional(), repeated: z.boolean().optional() }),
  }),
  'tenant.delete': action({
    description: 'A tenant was deleted.',
    owasp: 'sensitive_delete',
    ocsf: group.Delete,
  }),
  'tenant.member_set': action({
    description: 'A user became a member of a tenant, or got other roles in it.',
    owasp: 'privilege_permissions_changed',
    ocsf: group['Add User'],
    metadata: z.object({ userId: z.string(), roles: names }),
  }),
  'tenant.member_remove': action({
    description: 'A member left a tenant.',
    owasp: 'privilege_permissions_changed',
    ocsf: group['Remove User'],
    metadata: z.object({ userId: z.string() }),
  }),
  'workspace.switch': action({
    description: 'A user switched to a tenant. Denied: the user is no member of it.',
    owasp: 'authz_change',
    ocsf: api.Update,
    metadata: z.object({ from: z.string().nullish(), reason: z.string().optional() }),
  }),
  'api_key.create': action({
    description: 'A user created an API key.',
    owasp: 'authn_token_created',
    ocsf: api.Create,
    metadata: z.object({ permissions: names, expiresAt: z.date() }),
  }),
  'api_key.revoke': action({
    description: 'An API key was revoked.',
    owasp: 'authn_token_revoked',
    ocsf: api.Delete,
  }),
  'api_key.revoke_all': action({
    description: 'All API keys of a user were revoked.',
    owasp: 'authn_token_revoked',
    ocsf: api.Delete,
    metadata: z.object({ revoked: count }),
  }),
};
