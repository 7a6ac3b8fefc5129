import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { isLocalHost, mailConnection, weaknessOf, type AppConfig } from '../../config/index.js';
import { CONNECTION_RULES } from './connection.rules.js';
import type { Rule } from './rule.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MB = 1024 * 1024;

const toRequestsPerMinute = ({ limit, ttlMs }: { limit: number; ttlMs: number }) => (limit * 60_000) / ttlMs;

/** Rules of the configuration for production. Outside production, a failure is a warning. */
export const CONFIGURATION_RULES: readonly Rule<AppConfig>[] = [
  {
    name: 'config.node-env',
    title: 'The application runs in production mode',
    reference: 'OWASP ASVS 5.0 V13.4.2',
    remedy: 'Set NODE_ENV=production.',
    holds: ({ isProduction }) => isProduction,
    seen: ({ mode }) => mode,
  },
  {
    name: 'config.host',
    title: 'Outside production, the application listens only on this machine',
    reference: 'OWASP ASVS 5.0 V13.4.2',
    remedy: 'Set NODE_ENV=production, or HOST=127.0.0.1.',
    holds: ({ isProduction, http }) => isProduction || isLocalHost(http.host),
    seen: ({ http }) => http.host,
  },
  {
    name: 'config.signing-key',
    title: 'Tokens are signed with a strong key',
    reference: 'OWASP ASVS 5.0 V11.2.3; RFC 8725 section 3.5',
    remedy: 'Set JWT_SECRET to 32 random bytes or more (openssl rand -base64 48), or JWT_KEYS_FILE.',
    holds: ({ auth }) =>
      auth.privateKey !== undefined ||
      auth.keysFile !== undefined ||
      (auth.secret !== undefined && weaknessOf(auth.secret) === undefined),
  },
  {
    name: 'config.access-ttl',
    title: 'Access tokens expire after one hour or less',
    reference: 'OWASP ASVS 5.0 V7.3.2',
    remedy: 'Lower JWT_ACCESS_TTL; 15m is the default.',
    holds: ({ auth }) => auth.accessTtlMs <= HOUR_MS,
    seen: ({ auth }) => `${auth.accessTtlMs / 60_000} minutes`,
  },
  {
    name: 'config.refresh-ttl',
    title: 'Refresh tokens expire after 90 days or less',
    reference: 'OWASP ASVS 5.0 V7.3.1',
    remedy: 'Lower JWT_REFRESH_TTL; 30d is the default.',
    otherwise: 'warn',
    holds: ({ auth }) => auth.refreshTtlMs <= 90 * DAY_MS,
    seen: ({ auth }) => `${Math.round(auth.refreshTtlMs / DAY_MS)} days`,
  },
  {
    name: 'config.session-check',
    title: 'Revoked sessions are rejected from the next request on',
    reference: 'OWASP ASVS 5.0 V7.4.1',
    remedy: 'Set AUTH_SESSION_CHECK=cached.',
    holds: ({ auth }) => auth.sessionCheck !== 'off',
    seen: ({ auth }) => auth.sessionCheck,
  },
  {
    name: 'config.bcrypt-cost',
    title: 'The bcrypt cost is 10 or more',
    reference: 'OWASP ASVS 5.0 V11.4.2',
    remedy: 'Raise BCRYPT_COST; 12 is the default. Hashes are renewed at the next login.',
    holds: ({ auth }) => auth.bcryptCost >= 10,
    seen: ({ auth }) => auth.bcryptCost,
  },
  {
    name: 'config.pepper',
    title: 'Passwords are hashed with a secret that is not in the database (pepper)',
    reference: 'OWASP Password Storage Cheat Sheet, peppering',
    remedy: 'Set PASSWORD_PEPPER. It also removes the limit of 72 bytes. Keep the value as long as the accounts exist.',
    otherwise: 'warn',
    holds: ({ auth }) => auth.pepper !== undefined,
  },
  {
    name: 'config.admin-password',
    title: 'The password of the first administrator is no longer in the environment',
    reference: 'OWASP ASVS 5.0 V13.3.1',
    remedy: 'Remove ADMIN_PASSWORD once the administrator exists and has changed it.',
    otherwise: 'warn',
    holds: ({ auth }) => auth.admin === undefined,
  },
  ...CONNECTION_RULES,
  {
    name: 'config.cors-origins',
    title: 'CORS does not allow all origins',
    reference: 'OWASP ASVS 5.0 V3.4.2',
    remedy: 'List the exact origins in CORS_ORIGINS.',
    holds: ({ http }) => !http.corsOrigins.includes('*'),
    seen: ({ http }) => http.corsOrigins,
  },
  {
    name: 'config.cors-https',
    title: 'Allowed origins use https',
    reference: 'OWASP ASVS 5.0 V12.2.1',
    remedy: 'Replace http:// origins in CORS_ORIGINS. An attacker on the network can pretend to be such an origin.',
    otherwise: 'warn',
    holds: ({ http }) =>
      http.corsOrigins.every((origin) => !origin.startsWith('http://') || /\/\/localhost/.test(origin)),
    seen: ({ http }) => http.corsOrigins.filter((origin) => origin.startsWith('http://')),
  },
  {
    name: 'config.trust-proxy',
    title: 'X-Forwarded-For is trusted only from a few addresses',
    reference: 'OWASP ASVS 5.0 V4.1.3',
    remedy: 'Set TRUST_PROXY to the number of proxies, or to narrow address ranges.',
    holds: ({ http: { trustProxy } }) =>
      !Array.isArray(trustProxy) || trustProxy.every((range) => !isWide(String(range))),
    seen: ({ http }) => http.trustProxy,
  },
  {
    name: 'config.metrics-token',
    title: 'Metrics need a token',
    reference: 'OWASP ASVS 5.0 V13.4.5',
    remedy: 'Set METRICS_TOKEN.',
    holds: ({ metrics }) => metrics.token !== undefined,
  },
  {
    name: 'config.body-limit',
    title: 'Request bodies are limited to 10 MB or less',
    reference: 'CWE-770',
    remedy: 'Lower BODY_LIMIT, and raise the limit only on the routes that need it.',
    holds: ({ http }) => http.bodyLimitBytes <= 10 * MB,
    seen: ({ http }) => `${http.bodyLimitBytes} bytes`,
  },
  {
    name: 'config.limit-default',
    title: 'A client may send at most 1,000 requests a minute',
    reference: 'OWASP ASVS 5.0 V2.4.1',
    remedy: 'Lower THROTTLE_DEFAULT_LIMIT, and define a separate tier for clients that need more.',
    otherwise: 'warn',
    holds: ({ throttle }) => toRequestsPerMinute(throttle.default) <= 1_000,
    seen: ({ throttle }) => throttle.default,
  },
  {
    name: 'config.limit-auth',
    title: 'A client may try at most 30 logins a minute',
    reference: 'OWASP ASVS 5.0 V6.3.1',
    remedy: 'Lower THROTTLE_AUTH_LIMIT; 10 in 1m is the default.',
    holds: ({ throttle }) => toRequestsPerMinute(throttle.auth) <= 30,
    seen: ({ throttle }) => throttle.auth,
  },
  {
    name: 'config.limit-failed-logins',
    title: 'Failed logins of an account are limited after 100 or fewer',
    reference: 'OWASP ASVS 5.0 V6.3.1',
    remedy: 'Lower THROTTLE_FAILED_LOGIN_LIMIT; 5 in 15m is the default.',
    holds: ({ throttling: { failedLogins } }) => failedLogins.limit <= 100,
    seen: ({ throttling }) => throttling.failedLogins,
  },
  {
    name: 'config.audit-secret',
    title: 'Audit events are sealed with a secret key',
    reference: 'OWASP ASVS 5.0 V16.4.2',
    remedy: 'Set AUDIT_SEAL_SECRET. Without a key, an attacker who can write the table can also write the seals.',
    otherwise: 'warn',
    holds: ({ audit }) => audit.sealSecret !== undefined,
  },
  {
    name: 'config.audit-journal',
    title: 'The journal of audit events is on a persistent disk',
    reference: 'OWASP ASVS 5.0 V16.4.3',
    remedy: 'Set AUDIT_JOURNAL_DIR to a folder on a volume.',
    otherwise: 'warn',
    holds: ({ audit }) => !isBelow(resolve(audit.journalDir), [tmpdir(), '/tmp', '/dev/shm', '/run']),
    seen: ({ audit }) => audit.journalDir,
  },
  {
    name: 'config.mail',
    title: 'Mails are sent through a mail server',
    reference: 'OWASP ASVS 5.0 V6.4.3',
    remedy: 'Set MAIL_URL. Without it, users cannot reset their passwords.',
    otherwise: 'warn',
    holds: ({ mail }) => mail.url !== undefined && /^smtps?:/.test(mail.url),
  },
  {
    name: 'config.mail-tls',
    title: 'A mail server on another machine is used over TLS',
    reference: 'OWASP ASVS 5.0 V12.3.1',
    remedy: 'Remove MAIL_TLS=off, or write smtps:// in MAIL_URL; remove tls.rejectUnauthorized=false.',
    otherwise: 'warn',
    holds: ({ mail }) => {
      const connection = mail.url === undefined ? undefined : mailConnection(mail.url);
      if (!connection || connection.isLocal) return 'no mail server, or one on this machine';
      const hasTls = mail.requireTls || mail.url?.startsWith('smtps:') === true;
      return hasTls && connection.encryption !== 'unverified';
    },
  },
  {
    name: 'config.log-level',
    title: 'The log level is not for debugging',
    reference: 'OWASP ASVS 5.0 V13.4.2',
    remedy: 'Set LOG_LEVEL=info.',
    otherwise: 'warn',
    holds: ({ log }) => !['debug', 'trace', 'silent'].includes(log.level),
    seen: ({ log }) => log.level,
  },
  {
    name: 'shutdown.drain-delay',
    title: 'The readiness probe fails for some time before the port closes',
    reference: 'Kubernetes: termination of pods',
    remedy:
      'Set SHUTDOWN_DRAIN_DELAY to the time that the load balancer needs to notice. The default in production is 5s.',
    holds: ({ shutdown }) => shutdown.drainDelayMs >= 1_000,
    seen: ({ shutdown }) => `${shutdown.drainDelayMs} ms`,
  },
  {
    name: 'shutdown.timeout',
    title: 'Running requests get time to finish, at most one minute',
    reference: 'Kubernetes: termination of pods',
    remedy: 'Set SHUTDOWN_TIMEOUT between 1s and 60s, and set the grace period of the platform to a longer time.',
    otherwise: 'warn',
    holds: ({ shutdown }) => shutdown.timeoutMs >= 1_000 && shutdown.timeoutMs <= 60_000,
    seen: ({ shutdown }) => `${shutdown.timeoutMs} ms`,
  },
];

/** Whether a range is larger than a private network. */
function isWide(range: string): boolean {
  const [address = '', bits] = range.split('/');
  return bits !== undefined && Number(bits) < (address.includes(':') ? 16 : 8);
}

const isBelow = (path: string, folders: string[]) => folders.some((folder) => path.startsWith(`${resolve(folder)}/`));
