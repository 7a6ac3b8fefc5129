import { z } from 'zod';
import {
  addresses,
  choice,
  duration,
  email,
  flag,
  host,
  integer,
  list,
  origins,
  parsed,
  port,
  size,
  trustProxy,
} from './notations.js';
import {
  accountPassword,
  firstOfRandomSecrets,
  keySetFile,
  privateKey,
  randomSecret,
  retiredSecrets,
  SECRETS,
  urlPassword,
} from './secrets.js';
import { httpUrl, postgresUrl, redisUrl } from './server-urls.js';

/** Every rate limit tier with its shipped limit: `THROTTLE_<TIER>_LIMIT` requests in `THROTTLE_<TIER>_TTL`. */
export const THROTTLE_TIERS = {
  default: { limit: 100, ttl: '1m', what: 'every route' },
  auth: { limit: 10, ttl: '1m', what: 'login, registration and refresh' },
  ai: { limit: 20, ttl: '1h', what: 'calls to language models' },
  expensive: { limit: 20, ttl: '1h', what: 'reports and other heavy work' },
  upload: { limit: 10, ttl: '1h', what: 'file uploads' },
  email: { limit: 50, ttl: '1m', what: 'routes that send mail' },
  webhook: { limit: 1000, ttl: '1m', what: 'incoming webhooks' },
} as const;

export type ThrottleTierName = keyof typeof THROTTLE_TIERS;

type TierVariables = Record<
  `THROTTLE_${Uppercase<ThrottleTierName>}_LIMIT` | `THROTTLE_${Uppercase<ThrottleTierName>}_TTL`,
  z.ZodType<number>
>;

function tierVariables(): TierVariables {
  const entries = Object.entries(THROTTLE_TIERS).flatMap(([tier, { limit, ttl, what }]) => {
    const name = `THROTTLE_${tier.toUpperCase()}`;
    return [
      [`${name}_LIMIT`, integer(1, 1_000_000_000).prefault(String(limit)).describe(`Requests allowed: ${what}.`)],
      [`${name}_TTL`, duration().prefault(ttl).describe(`Window of ${name}_LIMIT.`)],
    ] as const;
  });
  return Object.fromEntries(entries) as unknown as TierVariables;
}

/** One rule for the servers that the application talks to. */
const tls = choice('required', 'off').optional();
const TLS = 'required: only over TLS. off: also without. Unset: required in production, but on this machine. For';

/**
 * Every environment variable, in the order of `.env.example`: how it is parsed, what it is when unset, what it is for.
 * A prefault is given in the notation of the variable, so that the example file can print it.
 */
export const variables = z.object({
  NODE_ENV: choice('development', 'test', 'production')
    .prefault('development')
    .describe('development, test or production. Production refuses weak settings.'),
  HOST: host
    .optional()
    .describe('Address to listen on. Unset: 127.0.0.1, and in production 0.0.0.0, which is every IPv4 address.'),
  PORT: port.prefault('3000').describe('Port of the API; 0 takes a free one.'),
  HTTP_ADAPTER: choice('fastify', 'express').prefault('fastify').describe('HTTP engine: fastify or express.'),
  MANAGEMENT_PORT: port.optional().describe('Separate port for probes, metrics and admin routes.'),
  MANAGEMENT_HOST: host
    .optional()
    .describe('Address that MANAGEMENT_PORT listens on. Unset: 0.0.0.0 in production, else 127.0.0.1.'),
  DATABASE_URL: parsed(postgresUrl)
    .optional()
    .describe('PostgreSQL URL (TLS by ?sslmode=verify-full&sslrootcert=ca.pem). Unset: an embedded server in DATA_DIR.')
    .register(SECRETS, urlPassword('the database could be read and changed')),
  DATABASE_MIGRATION_URL: parsed(postgresUrl)
    .optional()
    .describe('URL of the login that owns the tables and migrates. Unset: DATABASE_URL migrates as well.')
    .register(SECRETS, urlPassword('the database could be read and changed')),
  DATABASE_TLS: tls.describe(`${TLS} DATABASE_URL.`),
  DATA_DIR: z.string().prefault('.data').describe('Folder of the embedded database and of development secrets.'),
  DATABASE_EMBEDDED_IN_PRODUCTION: flag
    .prefault('false')
    .describe('Allows production to run on the embedded database.'),
  DATABASE_POOL_MIN: integer(0, 1000).prefault('5').describe('Connections kept open when idle.'),
  DATABASE_POOL_MAX: integer(1, 1000).prefault('20').describe('Connections at most.'),
  DATABASE_CONNECT_TIMEOUT: duration().prefault('5s').describe('Wait for a connection, from the pool or a new one.'),
  DATABASE_STATEMENT_TIMEOUT: duration().prefault('30s').describe('Longest run of one statement.'),
  DATABASE_IDLE_IN_TRANSACTION_TIMEOUT: duration().prefault('30s').describe('Longest pause inside a transaction.'),
  DATABASE_START_TIMEOUT: duration('0ms')
    .prefault('30s')
    .describe('How long a start waits for the database before it gives up.'),
  REDIS_URL: parsed(redisUrl)
    .optional()
    .describe('redis://host, redis+sentinel://h1,h2/master or redis+cluster://h1,h2. Unset: in-memory stores.')
    .register(SECRETS, urlPassword('limits and caches could be read and changed')),
  REDIS_TLS: tls.describe(`${TLS} REDIS_URL.`),
  REDIS_COMMAND_TIMEOUT: duration().prefault('200ms').describe('Wait for the answer to one Redis command.'),
  JWT_SECRET: z
    .string()
    .optional()
    .describe('HS256 secret, 32 random bytes or more (openssl rand -base64 48).')
    .register(SECRETS, randomSecret('tokens could be forged')),
  JWT_PRIVATE_KEY: z
    .string()
    .optional()
    .describe('PEM private key for EdDSA (Ed25519) or ES256 (P-256), instead of JWT_SECRET.')
    .register(SECRETS, privateKey('tokens could be forged')),
  JWT_KEYS_FILE: z
    .string()
    .optional()
    .describe(
      'JWK Set file of EdDSA, ES256 or HS256 keys, instead of JWT_SECRET: the first private one signs, all verify.',
    )
    .register(SECRETS, keySetFile('tokens could be forged')),
  JWT_ACCESS_TTL: duration('1s', '3650d').prefault('15m').describe('Life of an access token.'),
  JWT_REFRESH_TTL: duration('1s', '3650d').prefault('30d').describe('Life of a refresh token that is not used.'),
  SESSION_MAX_TTL: duration('1s', '3650d')
    .prefault('90d')
    .describe('Life of a session, however often it is refreshed.'),
  AUTH_RETENTION: duration('0ms', '3650d')
    .prefault('30d')
    .describe('How long sessions that have ended, and mails that were given up, stay in the database.'),
  JWT_REFRESH_GRACE: duration('0ms')
    .prefault('10s')
    .describe('How long a used refresh token gives its own client the same successor again.'),
  AUTH_SESSION_CHECK: choice('cached', 'off')
    .prefault('cached')
    .describe('cached: revocation holds from the next request. off: tokens hold until they expire.'),
  AUTH_COOKIES: choice('off', 'strict', 'lax')
    .prefault('off')
    .describe('strict or lax: tokens go to browsers in HttpOnly cookies of that SameSite, with CSRF protection.'),
  AUTH_DEVICE_COOKIES: flag
    .prefault('true')
    .describe('Devices that logged in before keep an allowance of failed logins of their own, by a signed cookie.'),
  AUTH_TOKEN_CACHE_SIZE: integer(0, 1_000_000)
    .prefault('10000')
    .describe('Access tokens whose signature is not checked again; expiry and session are. 0: none.'),
  ROLES_FILE: z
    .string()
    .optional()
    .describe('JSON file of roles and their permissions (docs/authorization.md). Unset: the roles of the suite.'),
  BCRYPT_COST: integer(4, 20).prefault('12').describe('Cost factor of password hashes.'),
  PASSWORD_PROFILE: choice('standard', 'strict')
    .prefault('standard')
    .describe('standard: 8 characters, none of the common ones. strict: 15, nor those with ornaments.'),
  PASSWORD_PEPPER: z
    .string()
    .optional()
    .describe('Secret mixed into passwords (openssl rand -base64 48). Once set, it must stay.')
    .register(SECRETS, randomSecret('stolen hashes could be tried')),
  AUTH_RECENT_LOGIN: duration('1s', '3650d')
    .prefault('10m')
    .describe('How old a login may be for what asks for a recent one: deleting the account, the second factor.'),
  AUTH_REGISTRATION: choice('open', 'silent')
    .prefault('open')
    .describe('open: logged in at once, 409 for a known address. silent: 202 for every address, and a mail.'),
  AUTH_EMAIL_VERIFICATION: choice('off', 'sent', 'required')
    .prefault('sent')
    .describe('Mail to confirm the address of a registration; required: no login before. Silent means required.'),
  AUTH_ENCRYPTION_KEYS: list
    .prefault('')
    .describe('Secrets for second factors and waiting mail, by commas; the first encrypts. Unset: by the signing key.')
    .register(SECRETS, firstOfRandomSecrets('second factors and mails could be read')),
  BREACHED_PASSWORDS_URL: parsed(httpUrl)
    .optional()
    .describe('Service of leaked passwords, such as https://api.pwnedpasswords.com/range/. Unset: nobody is asked.'),
  BREACHED_PASSWORDS_TIMEOUT: duration()
    .prefault('1s')
    .describe('Wait for that service; then the password is accepted.'),
  MAIL_URL: z
    .string()
    .regex(/^(?:smtps?:\/\/|file:).+/)
    .optional()
    .describe('smtp://user:password@host:port, smtps://… or file:folder. Unset: to the log; in production, kept.')
    .register(SECRETS, urlPassword('mail could be sent in your name')),
  MAIL_TLS: tls.describe(`${TLS} MAIL_URL.`),
  MAIL_CA_FILE: z
    .string()
    .optional()
    .describe('PEM file of the authority behind the certificate of the mail server. Unset: those of Node.js.'),
  MAIL_FROM: z.string().prefault('no-reply@localhost').describe('Sender of mails.'),
  CORS_ORIGINS: origins
    .prefault('')
    .describe('Origins that browsers may call from, separated by commas; * for one label (https://*.app.example).'),
  CORS_CREDENTIALS: flag.prefault('false').describe('Lets browsers send cookies and credentials from CORS_ORIGINS.'),
  HSTS_PRELOAD: flag.prefault('false').describe('Consents to the HSTS lists of browsers: HTTPS alone, for good.'),
  IP_ALLOW: addresses
    .prefault('')
    .describe('Addresses and networks that may come in, separated by commas. Unset: all.'),
  IP_DENY: addresses.prefault('').describe('Addresses and networks that may not.'),
  TRUST_PROXY: trustProxy
    .prefault('false')
    .describe('Proxies in front whose X-Forwarded-For is believed: their number, or a list of addresses.'),
  BODY_LIMIT: size('1b', '1gb').prefault('1mb').describe('Largest request body.'),
  ...tierVariables(),
  THROTTLE_FAILED_LOGIN_LIMIT: integer(1, 1_000_000_000)
    .prefault('5')
    .describe('Failed logins that an account, and an address, may have.'),
  THROTTLE_FAILED_LOGIN_TTL: duration().prefault('15m').describe('Window of THROTTLE_FAILED_LOGIN_LIMIT.'),
  THROTTLE_REPLICAS: integer(1, 10_000)
    .prefault('1')
    .describe('Processes behind the load balancer; they divide the limits while Redis does not answer.'),
  THROTTLE_REDIS_TIMEOUT: duration()
    .prefault('40ms')
    .describe('Wait for Redis to decide on a request; then this process decides.'),
  CURSOR_SECRET: z
    .string()
    .min(32)
    .optional()
    .describe('Signs cursors of lists (openssl rand -base64 48). Unset: by a key derived from that of the tokens.')
    .register(SECRETS, randomSecret('cursors could be forged')),
  CACHE_MAX_SIZE: size('1mb', '64gb').prefault('64mb').describe('Memory of this process for cached results.'),
  CACHE_PROFILE_TTL: duration('0ms')
    .prefault('10m')
    .describe('How long a profile is answered from the cache; changes show at once. 0: not at all.'),
  AUDIT_BATCH_SIZE: integer(1, 10_000).prefault('100').describe('Audit events that are written together.'),
  AUDIT_FLUSH_INTERVAL: duration().prefault('5s').describe('Longest wait of an audit event before it is written.'),
  AUDIT_JOURNAL_DIR: z
    .string()
    .optional()
    .describe('Folder of the journal of audit events. Unset: audit-journal in DATA_DIR.'),
  AUDIT_JOURNAL_MAX_SIZE: size('1mb', '1024gb').prefault('256mb').describe('Largest size of that journal.'),
  AUDIT_API_REQUESTS: choice('all', 'mutating', 'none')
    .prefault('none')
    .describe('Calls that are recorded as api.request: all, those that change something, or none.'),
  AUDIT_SINK_DIR: z.string().optional().describe('Folder that audit events are copied to, as files of JSON lines.'),
  AUDIT_SINK_REDIS_STREAM: z
    .string()
    .optional()
    .describe('Redis stream that audit events are copied to; needs REDIS_URL.'),
  AUDIT_SEAL_SECRET: z
    .string()
    .optional()
    .describe('Key of the seals of audit events (openssl rand -base64 48).')
    .register(SECRETS, randomSecret('audit events could be forged')),
  AUDIT_SEAL_OLD_SECRETS: list
    .prefault('')
    .describe('Secrets that sealed before, separated by commas; none for the time without one. They still verify.')
    .register(SECRETS, retiredSecrets('audit events of that time could be forged')),
  AUDIT_SIGNING_KEY: z
    .string()
    .optional()
    .describe('PEM Ed25519 private key that signs audit digests. Unset: a key derived from AUDIT_SEAL_SECRET.')
    .register(SECRETS, privateKey('audit digests could be forged')),
  AUDIT_SIGNING_OLD_KEYS: z
    .string()
    .prefault('')
    .describe('PEM Ed25519 public keys that signed before, one after the other. They still verify.'),
  AUDIT_DIGEST_INTERVAL: duration('1s').prefault('1h').describe('Pause between two digests of the audit trail.'),
  AUDIT_DIGEST_DIR: z.string().optional().describe('Folder of those digests. Unset: audit-digests in DATA_DIR.'),
  AUDIT_DIGEST_BUCKET: parsed(httpUrl)
    .optional()
    .describe('Bucket for them instead: https://KEY:SECRET@endpoint/bucket/prefix?region=eu-central-1.')
    .register(SECRETS, urlPassword('audit digests could be forged')),
  AUDIT_LOG_ID: z
    .uuid()
    .optional()
    .describe('Id of the audit trail, as nest-bulwark audit verify prints it. Unset: as the digest store knows it.'),
  AUDIT_DIGEST_ADOPT: flag
    .prefault('false')
    .describe(
      'Lets an empty digest store take the digests of the database, as a new replica with its own folder needs.',
    ),
  AUDIT_RETENTION_DAYS: integer(1, 36_500)
    .optional()
    .describe('Days that audit events are kept; whole months are dropped. Unset: for ever.'),
  SHUTDOWN_DRAIN_DELAY: duration('0ms')
    .optional()
    .describe('Pause between an unready probe and the closed port. Unset: 5s in production, else none.'),
  SHUTDOWN_TIMEOUT: duration('0ms').prefault('30s').describe('Longest wait for requests in flight at shutdown.'),
  LOG_LEVEL: choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')
    .prefault('info')
    .describe('fatal, error, warn, info, debug, trace or silent.'),
  METRICS_TOKEN: z
    .string()
    .optional()
    .describe('Bearer token for /metrics. Production serves no metrics without it.')
    .register(SECRETS, randomSecret('metrics could be read')),
  SENTRY_DSN: parsed(httpUrl).optional().describe('Sentry project to report errors to.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: parsed(httpUrl).optional().describe('OpenTelemetry collector.'),
  ADMIN_EMAIL: email.optional().describe('Email of the first administrator.'),
  ADMIN_PASSWORD: z
    .string()
    .optional()
    .describe('Password of the first administrator, 8 characters to 72 bytes.')
    .register(SECRETS, accountPassword('the first administrator could be anybody')),
  PRODUCTION_TEST_ENABLED: flag.optional().describe('Serves /production-test. Unset: on, but off in production.'),
  PRODUCTION_TEST_TIMEOUT: duration('1s', '10m')
    .prefault('10s')
    .describe('Longest run of the self-tests; what is not finished then is a warning.'),
});

export type Variables = z.output<typeof variables>;
export type VariableName = keyof Variables;

export const VARIABLE_NAMES = Object.keys(variables.shape) as VariableName[];

/** What a variable is when unset, in its own notation; undefined where it is nothing. */
export function defaultOf(name: VariableName): string | undefined {
  const definition = variables.shape[name].def as { type: string; defaultValue?: unknown };
  return definition.type === 'prefault' ? String(definition.defaultValue) : undefined;
}

/** Variables of the contract that no module acts upon yet. A start that sets one says so. */
export const RESERVED_VARIABLES: readonly VariableName[] = ['SENTRY_DSN', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
