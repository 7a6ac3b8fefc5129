import { z } from 'zod';
import { action, count, names, OCSF } from './action.js';

const { account, api, authentication, finding } = OCSF;

/** How the user proved the identity, as in the claim `amr`. */
const methods = names;

/** What AuthModule records of users who act for themselves. */
export const authActions = {
  'auth.register': action({
    description: 'A user registered. A failure: the address was already registered.',
    owasp: 'user_created',
    ocsf: account.Create,
  }),
  'auth.login': action({
    description: 'A user logged in.',
    owasp: 'authn_login_success',
    ocsf: authentication.Logon,
    metadata: z.object({ methods: methods.optional() }),
  }),
  'auth.failed_login': action({
    description: 'The email or the password of a login was wrong.',
    owasp: 'authn_login_fail',
    ocsf: authentication.Logon,
    severity: 'WARNING',
    metadata: z.object({ email: z.string() }),
  }),
  'auth.login_locked': action({
    description: 'A login to a locked account was refused.',
    owasp: 'authn_login_fail',
    ocsf: authentication.Logon,
    severity: 'WARNING',
  }),
  'auth.login_deactivated': action({
    description: 'A login to a deactivated account was refused.',
    owasp: 'authn_login_fail',
    ocsf: authentication.Logon,
    severity: 'WARNING',
  }),
  'auth.login_unverified': action({
    description: 'A login to an account with an unconfirmed address was refused.',
    owasp: 'authn_login_fail',
    ocsf: authentication.Logon,
    severity: 'WARNING',
  }),
  'auth.logout': action({
    description: 'A user logged out.',
    owasp: 'session_expired',
    ocsf: authentication.Logoff,
  }),
  'auth.logout_all': action({
    description: 'A user ended all sessions.',
    owasp: 'session_expired',
    ocsf: authentication.Logoff,
    metadata: z.object({ ended: count }),
  }),
  'auth.session_end': action({
    description: 'A user ended one session, or all sessions but the current one.',
    owasp: 'session_expired',
    ocsf: authentication.Logoff,
    metadata: z.object({ session: z.string().optional(), ended: count.optional() }),
  }),
  'auth.token_reuse': action({
    description: 'Another client used a refresh token that was already used. Its session ended.',
    owasp: 'authn_token_reuse',
    ocsf: finding.Create,
    severity: 'CRITICAL',
  }),
  'auth.step_up': action({
    description: 'A user proved the identity again, for a sensitive action.',
    owasp: 'authn_login_success',
    ocsf: authentication.Logon,
    metadata: z.object({ methods }),
  }),
  'auth.reauthentication_failed': action({
    description: 'The password for a sensitive action was wrong.',
    owasp: 'authn_login_fail',
    ocsf: authentication.Logon,
    severity: 'WARNING',
  }),
  'auth.mfa_required': action({
    description: 'The password of a login was right, and the second factor is still missing.',
    ocsf: authentication.Logon,
  }),
  'auth.mfa_failed': action({
    description: 'The code of a second factor was wrong.',
    owasp: 'authn_login_fail',
    ocsf: authentication.Logon,
    severity: 'WARNING',
  }),
  'auth.mfa_enabled': action({
    description: 'A user set up a second factor.',
    owasp: 'user_updated',
    ocsf: account['MFA Factor Enable'],
  }),
  'auth.mfa_disabled': action({
    description: 'A user removed the second factor.',
    owasp: 'user_updated',
    ocsf: account['MFA Factor Disable'],
  }),
  'auth.recovery_codes_renewed': action({
    description: 'A user created new recovery codes.',
    owasp: 'user_updated',
    ocsf: account.Other,
  }),
  'auth.recovery_code_used': action({
    description: 'A user used a recovery code as second factor.',
    owasp: 'user_updated',
    ocsf: account.Other,
  }),
  'auth.profile_change': action({
    description: 'A user changed the profile.',
    owasp: 'user_updated',
    ocsf: account.Other,
  }),
  'auth.password_change': action({
    description: 'A user changed the password.',
    owasp: 'authn_password_change',
    ocsf: account['Password Change'],
  }),
  'auth.password_reset_requested': action({
    description: 'Somebody asked for a mail that resets the password.',
    owasp: 'authn_token_created',
    ocsf: account.Other,
    metadata: z.object({ mailed: z.boolean() }),
  }),
  'auth.password_reset': action({
    description: 'A user set a new password with a mailed token.',
    owasp: 'authn_password_change',
    ocsf: account['Password Reset'],
  }),
  'auth.email_verified': action({
    description: 'A user confirmed the address with a mailed token.',
    owasp: 'user_updated',
    ocsf: account.Other,
  }),
  'auth.email_change_requested': action({
    description: 'A user asked for another address; a mail to it has the token.',
    owasp: 'authn_token_created',
    ocsf: account.Other,
  }),
  'auth.email_change': action({
    description: 'A user confirmed the other address, and it is now that of the account.',
    owasp: 'user_updated',
    ocsf: account.Other,
  }),
  'auth.account_deactivated': action({
    description: 'A user deactivated the account.',
    owasp: 'user_archived',
    ocsf: account.Disable,
  }),
  'auth.account_deleted': action({
    description: 'A user deleted the account.',
    owasp: 'user_deleted',
    ocsf: account.Delete,
  }),
  'auth.mail_given_up': action({
    description: 'A mail could not be sent, and there are no further attempts.',
    ocsf: api.Other,
    severity: 'WARNING',
  }),
};
