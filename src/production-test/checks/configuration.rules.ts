import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { isLocalHost } from '../../config/index.js';
import { ACCOUNT_RULES } from './account.rules.js';
import type { ConfigurationFacts, TierFacts } from './configuration.facts.js';
import { CONNECTION_RULES } from './connection.rules.js';
import { createModuleRules, createPartRules, type Rule } from './rule.js';

const MB = 1024 * 1024;

/** Returns the reason if the limit cannot be judged. */
function isAtMostPerMinute(tier: TierFacts | undefined, name: string, max: number): boolean | string {
  if (!tier) return `ThrottlerModule has no tier "${name}"`;
  const { limit, ttlMs } = tier;
  if (limit === undefined || ttlMs === undefined) return 'a function of the application decides the limit';
  return (limit * 60_000) / ttlMs <= max;
}

/** Settings of the process and of its HTTP server, which belong to no module. */
const PROCESS_RULES: readonly Rule<ConfigurationFacts>[] = [
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
    remedy: 'Set NODE_ENV=production, or listen on 127.0.0.1.',
    variables: ['NODE_ENV', 'HOST'],
    holds: ({ isProduction, http: { host } }) => {
      if (isProduction) return true;
      return host === undefined ? 'the address of the listener is unknown' : isLocalHost(host);
    },
    seen: ({ http }) => http.host,
  },
  {
    name: 'config.trust-proxy',
    title: 'X-Forwarded-For is trusted only from a few addresses',
    reference: 'OWASP ASVS 5.0 V4.1.3',
    remedy: 'Set `trustProxy` of hardenApp() or createAdapter() to the number of proxies, or to narrow address ranges.',
    variables: ['TRUST_PROXY'],
    holds: ({ http: { trustProxy } }) => {
      if (trustProxy === undefined) return 'the HTTP adapter does not show its trust in proxies';
      return !Array.isArray(trustProxy) || trustProxy.every((range) => !isWide(String(range)));
    },
    seen: ({ http }) => http.trustProxy,
  },
];

const SECURITY_RULES: readonly Rule<NonNullable<ConfigurationFacts['security']>>[] = [
  {
    name: 'config.cors-origins',
    title: 'CORS does not allow all origins',
    reference: 'OWASP ASVS 5.0 V3.4.2',
    remedy: 'List the exact origins in `cors.origins` of SecurityModule.',
    variables: ['CORS_ORIGINS'],
    holds: ({ corsOrigins }) => !corsOrigins.includes('*'),
    seen: ({ corsOrigins }) => corsOrigins,
  },
  {
    name: 'config.cors-https',
    title: 'Allowed origins use https',
    reference: 'OWASP ASVS 5.0 V12.2.1',
    remedy:
      'Replace http:// origins in `cors.origins` of SecurityModule. An attacker on the network can pretend to be such an origin.',
    variables: ['CORS_ORIGINS'],
    otherwise: 'warn',
    holds: ({ corsOrigins }) =>
      corsOrigins.every((origin) => !origin.startsWith('http://') || /\/\/localhost/.test(origin)),
    seen: ({ corsOrigins }) => corsOrigins.filter((origin) => origin.startsWith('http://')),
  },
  {
    name: 'config.body-limit',
    title: 'Request bodies are limited to 10 MB or less',
    reference: 'CWE-770',
    remedy: 'Lower `limits.bodyBytes` of SecurityModule, and raise the limit only on the routes that need it.',
    variables: ['BODY_LIMIT'],
    holds: ({ bodyLimitBytes }) => bodyLimitBytes <= 10 * MB,
    seen: ({ bodyLimitBytes }) => `${bodyLimitBytes} bytes`,
  },
];

const METRICS_RULES: readonly Rule<NonNullable<ConfigurationFacts['metrics']>>[] = [
  {
    name: 'config.metrics-token',
    title: 'Metrics need a token',
    reference: 'OWASP ASVS 5.0 V13.4.5',
    remedy: 'Set `metricsToken` of ObservabilityModule.',
    variables: ['METRICS_TOKEN'],
    holds: ({ token }) => token !== undefined,
  },
];

const TIER_RULES: readonly Rule<NonNullable<ConfigurationFacts['throttle']>>[] = [
  {
    name: 'config.limit-default',
    title: 'A client may send at most 1,000 requests a minute',
    reference: 'OWASP ASVS 5.0 V2.4.1',
    remedy: 'Lower `tiers.default.limit` of ThrottlerModule, and define a separate tier for clients that need more.',
    variables: ['THROTTLE_DEFAULT_LIMIT'],
    otherwise: 'warn',
    holds: (tiers) => isAtMostPerMinute(tiers.default, 'default', 1_000),
    seen: (tiers) => tiers.default,
  },
  {
    name: 'config.limit-auth',
    title: 'A client may try at most 30 logins a minute',
    reference: 'OWASP ASVS 5.0 V6.3.1',
    remedy: 'Lower `tiers.auth.limit` of ThrottlerModule; 10 in a minute is the default.',
    variables: ['THROTTLE_AUTH_LIMIT'],
    holds: (tiers) => isAtMostPerMinute(tiers.auth, 'auth', 30),
    seen: (tiers) => tiers.auth,
  },
];

const FAILED_LOGIN_RULES: readonly Rule<NonNullable<ConfigurationFacts['throttling']>>[] = [
  {
    name: 'config.limit-failed-logins',
    title: 'Failed logins of an account are limited after 100 or fewer',
    reference: 'OWASP ASVS 5.0 V6.3.1',
    remedy: 'Lower `failedLogins.limit` of ThrottlerModule; 5 in 15 minutes is the default.',
    variables: ['THROTTLE_FAILED_LOGIN_LIMIT'],
    holds: ({ failedLogins }) => failedLogins.limit <= 100,
    seen: ({ failedLogins }) => failedLogins,
  },
];

const AUDIT_RULES: readonly Rule<NonNullable<ConfigurationFacts['audit']>>[] = [
  {
    name: 'config.audit-secret',
    title: 'Audit events are sealed with a secret key',
    reference: 'OWASP ASVS 5.0 V16.4.2',
    remedy:
      'Set `sealSecret` of AuditModule. Without a key, an attacker who can write the table can also write the seals.',
    variables: ['AUDIT_SEAL_SECRET'],
    otherwise: 'warn',
    holds: ({ sealSecret }) => sealSecret !== undefined,
  },
  {
    name: 'config.audit-journal',
    title: 'The journal of audit events is on a persistent disk',
    reference: 'OWASP ASVS 5.0 V16.4.3',
    remedy: 'Set `journalDir` of AuditModule to a folder on a volume.',
    variables: ['AUDIT_JOURNAL_DIR'],
    otherwise: 'warn',
    holds: ({ journalDir }) => {
      if (journalDir === undefined) return 'there is no journal: durable events are stored before the response is sent';
      return !isBelow(resolve(journalDir), [tmpdir(), '/tmp', '/dev/shm', '/run']);
    },
    seen: ({ journalDir }) => journalDir,
  },
];

const LOG_RULES: readonly Rule<NonNullable<ConfigurationFacts['log']>>[] = [
  {
    name: 'config.log-level',
    title: 'The log level is not for debugging',
    reference: 'OWASP ASVS 5.0 V13.4.2',
    remedy: 'Set LOG_LEVEL=info.',
    otherwise: 'warn',
    holds: ({ level }) => !['debug', 'trace', 'silent'].includes(level),
    seen: ({ level }) => level,
  },
];

const SHUTDOWN_RULES: readonly Rule<NonNullable<ConfigurationFacts['shutdown']>>[] = [
  {
    name: 'shutdown.drain-delay',
    title: 'The readiness probe fails for some time before the port closes',
    reference: 'Kubernetes: termination of pods',
    remedy:
      'Set `drainDelayMs` of ShutdownModule to the time that the load balancer needs to notice. 5 seconds is the default.',
    variables: ['SHUTDOWN_DRAIN_DELAY'],
    holds: ({ drainDelayMs }) => drainDelayMs >= 1_000,
    seen: ({ drainDelayMs }) => `${drainDelayMs} ms`,
  },
  {
    name: 'shutdown.timeout',
    title: 'Running requests get time to finish, at most one minute',
    reference: 'Kubernetes: termination of pods',
    remedy:
      'Set `timeoutMs` of ShutdownModule between 1 and 60 seconds, and set the grace period of the platform to a longer time.',
    variables: ['SHUTDOWN_TIMEOUT'],
    otherwise: 'warn',
    holds: ({ timeoutMs }) => timeoutMs >= 1_000 && timeoutMs <= 60_000,
    seen: ({ timeoutMs }) => `${timeoutMs} ms`,
  },
];

type Facts = ConfigurationFacts;

/** Rules of the settings for production. Outside production, a failure is a warning. */
export const CONFIGURATION_RULES: readonly Rule<Facts>[] = [
  ...PROCESS_RULES,
  ...ACCOUNT_RULES,
  ...CONNECTION_RULES,
  ...createModuleRules('SecurityModule', ({ security }: Facts) => security, SECURITY_RULES),
  ...createModuleRules('ObservabilityModule', ({ metrics }: Facts) => metrics, METRICS_RULES),
  ...createModuleRules('ThrottlerModule', ({ throttle }: Facts) => throttle, TIER_RULES),
  ...createModuleRules('ThrottlerModule', ({ throttling }: Facts) => throttling, FAILED_LOGIN_RULES),
  ...createModuleRules('AuditModule', ({ audit }: Facts) => audit, AUDIT_RULES),
  ...createPartRules(({ log }: Facts) => log, 'the application has a logger of its own', LOG_RULES),
  ...createModuleRules('ShutdownModule', ({ shutdown }: Facts) => shutdown, SHUTDOWN_RULES),
];

/** Whether a range is larger than a private network. */
function isWide(range: string): boolean {
  const [address = '', bits] = range.split('/');
  return bits !== undefined && Number(bits) < (address.includes(':') ? 16 : 8);
}

const isBelow = (path: string, folders: string[]) => folders.some((folder) => path.startsWith(`${resolve(folder)}/`));
