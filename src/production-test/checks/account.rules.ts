import { mailConnection, weaknessOf } from '../../config/index.js';
import type { ConfigurationFacts } from './configuration.facts.js';
import { createModuleRules, type Rule } from './rule.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const TOKEN_AND_PASSWORD_RULES: readonly Rule<NonNullable<ConfigurationFacts['auth']>>[] = [
  {
    name: 'config.signing-key',
    title: 'Tokens are signed with a strong key',
    reference: 'OWASP ASVS 5.0 V11.2.3; RFC 8725 section 3.5',
    remedy:
      'Set `secret` of AuthModule to 32 random bytes or more (openssl rand -base64 48), or set `privateKey` or `keysFile`.',
    variables: ['JWT_SECRET', 'JWT_PRIVATE_KEY', 'JWT_KEYS_FILE'],
    holds: ({ privateKey, keysFile, secret }) =>
      privateKey !== undefined || keysFile !== undefined || (secret !== undefined && weaknessOf(secret) === undefined),
  },
  {
    name: 'config.access-ttl',
    title: 'Access tokens expire after one hour or less',
    reference: 'OWASP ASVS 5.0 V7.3.2',
    remedy: 'Lower `accessTtlMs` of AuthModule; 15 minutes is the default.',
    variables: ['JWT_ACCESS_TTL'],
    holds: ({ accessTtlMs }) => accessTtlMs <= HOUR_MS,
    seen: ({ accessTtlMs }) => `${accessTtlMs / 60_000} minutes`,
  },
  {
    name: 'config.refresh-ttl',
    title: 'Refresh tokens expire after 90 days or less',
    reference: 'OWASP ASVS 5.0 V7.3.1',
    remedy: 'Lower `refreshTtlMs` of AuthModule; 30 days is the default.',
    variables: ['JWT_REFRESH_TTL'],
    otherwise: 'warn',
    holds: ({ refreshTtlMs }) => refreshTtlMs <= 90 * DAY_MS,
    seen: ({ refreshTtlMs }) => `${Math.round(refreshTtlMs / DAY_MS)} days`,
  },
  {
    name: 'config.session-check',
    title: 'Revoked sessions are rejected from the next request on',
    reference: 'OWASP ASVS 5.0 V7.4.1',
    remedy: 'Set `sessionCheck` of AuthModule to `cached`.',
    variables: ['AUTH_SESSION_CHECK'],
    holds: ({ sessionCheck }) => sessionCheck !== 'off',
    seen: ({ sessionCheck }) => sessionCheck,
  },
  {
    name: 'config.bcrypt-cost',
    title: 'The bcrypt cost is 10 or more',
    reference: 'OWASP ASVS 5.0 V11.4.2',
    remedy: 'Raise `bcryptCost` of AuthModule; 12 is the default. Hashes are renewed at the next login.',
    variables: ['BCRYPT_COST'],
    holds: ({ bcryptCost }) => bcryptCost >= 10,
    seen: ({ bcryptCost }) => bcryptCost,
  },
  {
    name: 'config.pepper',
    title: 'Passwords are hashed with a secret that is not in the database (pepper)',
    reference: 'OWASP Password Storage Cheat Sheet, peppering',
    remedy:
      'Set `pepper` of AuthModule. It also removes the limit of 72 bytes. Keep the value as long as the accounts exist.',
    variables: ['PASSWORD_PEPPER'],
    otherwise: 'warn',
    holds: ({ pepper }) => pepper !== undefined,
  },
  {
    name: 'config.admin-password',
    title: 'The password of the first administrator is no longer in the configuration',
    reference: 'OWASP ASVS 5.0 V13.3.1',
    remedy: 'Remove `admin` of AuthModule once the administrator exists and has changed the password.',
    variables: ['ADMIN_PASSWORD', 'ADMIN_EMAIL'],
    otherwise: 'warn',
    holds: ({ admin }) => admin === undefined,
  },
];

const MAIL_RULES: readonly Rule<NonNullable<ConfigurationFacts['mail']>>[] = [
  {
    name: 'config.mail',
    title: 'Mails are sent through a mail server',
    reference: 'OWASP ASVS 5.0 V6.4.3',
    remedy: 'Give AuthModule an SmtpMailSender as `mailSender`. Without it, users cannot reset their passwords.',
    variables: ['MAIL_URL'],
    otherwise: 'warn',
    holds: ({ url, isCustom }) =>
      isCustom === true ? 'the application has a MailSender of its own' : url !== undefined && /^smtps?:/.test(url),
  },
  {
    name: 'config.mail-tls',
    title: 'A mail server on another machine is used over TLS',
    reference: 'OWASP ASVS 5.0 V12.3.1',
    remedy:
      'Write smtps:// in the URL of the SmtpMailSender, or set its `requireTls`; remove tls.rejectUnauthorized=false.',
    variables: ['MAIL_URL', 'MAIL_TLS'],
    otherwise: 'warn',
    holds: ({ url, requireTls }) => {
      const connection = url === undefined ? undefined : mailConnection(url);
      if (!connection || connection.isLocal) return 'no mail server, or one on this machine';
      const hasTls = requireTls || url?.startsWith('smtps:') === true;
      return hasTls && connection.encryption !== 'unverified';
    },
  },
];

/** Rules of the settings of AuthModule. */
export const ACCOUNT_RULES: readonly Rule<ConfigurationFacts>[] = [
  ...createModuleRules('AuthModule', ({ auth }: ConfigurationFacts) => auth, TOKEN_AND_PASSWORD_RULES),
  ...createModuleRules('AuthModule', ({ mail }: ConfigurationFacts) => mail, MAIL_RULES),
];
