import { z } from 'zod';
import { parseByteSize, parseDuration } from '../common/index.js';

/** A text in a given notation, parsed once. Parsers explain themselves by a RangeError. */
function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}

function integer(minimum: number, maximum: number) {
  return parsed((text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new RangeError(`"${text}" is not a whole number from ${minimum} to ${maximum}`);
  });
}

const flag = parsed((text) => {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new RangeError(`"${text}" is neither true nor false`);
});

const duration = parsed(parseDuration);
const size = parsed(parseByteSize);
const port = integer(0, 65_535);

function url(...protocols: string[]) {
  return parsed((text) => {
    const protocol = URL.canParse(text.replace(/,[^/]*/, '')) ? new URL(text.replace(/,[^/]*/, '')).protocol : '';
    if (protocols.includes(protocol)) return text;
    throw new RangeError(`is not a URL that begins with ${protocols.map((name) => `${name}//`).join(' or ')}`);
  });
}

const CIDR = /^[0-9a-fA-F.:]+(?:\/\d{1,3})?$/;
const PROXY_NAMES = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** Hops or a list of addresses. `true` would believe whatever the client writes into X-Forwarded-For. */
const trustProxy = parsed((text): number | string[] | false => {
  if (text === 'false' || text === '0') return false;
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  const items = text.split(',').map((item) => item.trim());
  if (items.every((item) => PROXY_NAMES.has(item) || (CIDR.test(item) && /[.:]/.test(item)))) return items;
  throw new RangeError(
    `"${text}" is refused; give the number of proxies in front (1), or their addresses (10.0.0.0/8,::1/128), never true`,
  );
});

const origins = parsed((text): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
    .map((origin) => {
      if (origin === '*') return origin;
      if (URL.canParse(origin) && new URL(origin).origin === origin) return origin;
      throw new RangeError(
        `"${origin}" is not an origin; write scheme, host and port only, such as https://app.example.com`,
      );
    }),
);

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
      [`${name}_TTL`, duration.prefault(ttl).describe(`Window of ${name}_LIMIT.`)],
    ] as const;
  });
  return Object.fromEntries(entries) as unknown as TierVariables;
}

/**
 * Every environment variable, in the order of `.env.example`: how it is parsed, what it is when unset, what it is for.
 * A prefault is given in the notation of the variable, so that the example file can print it.
 */
export const variables = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'])
    .prefault('development')
    .describe('development, test or production. Production refuses weak settings.'),
  PORT: port.prefault('3000').describe('Port of the API; 0 takes a free one.'),
  HTTP_ADAPTER: z.enum(['fastify', 'express']).prefault('fastify').describe('HTTP engine: fastify or express.'),
  MANAGEMENT_PORT: port.optional().describe('Separate port for probes, metrics and admin routes.'),
  DATABASE_URL: url('postgres:', 'postgresql:')
    .optional()
    .describe(
      'PostgreSQL URL (TLS by ?sslmode=verify-full&sslrootcert=ca.pem). Unset: an embedded server in DATA_DIR.',
    ),
  DATA_DIR: z.string().prefault('.data').describe('Folder of the embedded database and of development secrets.'),
  DATABASE_EMBEDDED_IN_PRODUCTION: flag
    .prefault('false')
    .describe('Allows production to run on the embedded database.'),
  DATABASE_POOL_MIN: integer(0, 1000).prefault('5').describe('Connections kept open when idle.'),
  DATABASE_POOL_MAX: integer(1, 1000).prefault('20').describe('Connections at most.'),
  DATABASE_CONNECT_TIMEOUT: duration.prefault('5s').describe('Wait for a connection, from the pool or a new one.'),
  DATABASE_STATEMENT_TIMEOUT: duration.prefault('30s').describe('Longest run of one statement.'),
  DATABASE_IDLE_IN_TRANSACTION_TIMEOUT: duration.prefault('30s').describe('Longest pause inside a transaction.'),
  DATABASE_START_TIMEOUT: duration
    .prefault('30s')
    .describe('How long a start waits for the database before it gives up.'),
  REDIS_URL: url('redis:', 'rediss:', 'redis+sentinel:', 'redis+cluster:', 'rediss+cluster:')
    .optional()
    .describe('redis://host, redis+sentinel://h1,h2/master or redis+cluster://h1,h2. Unset: in-memory stores.'),
  REDIS_COMMAND_TIMEOUT: duration.prefault('200ms').describe('Wait for the answer to one Redis command.'),
  JWT_SECRET: z.string().optional().describe('HS256 secret, 32 random bytes or more (openssl rand -base64 48).'),
  JWT_PRIVATE_KEY: z.string().optional().describe('PEM private key for ES256 (P-256), instead of JWT_SECRET.'),
  JWT_KEYS_FILE: z.string().optional().describe('JWK Set file of signing keys, for rotation.'),
  JWT_ACCESS_TTL: duration.prefault('15m').describe('Life of an access token.'),
  JWT_REFRESH_TTL: duration.prefault('30d').describe('Life of a refresh token that is not used.'),
  BCRYPT_COST: integer(4, 20).prefault('12').describe('Cost factor of password hashes.'),
  CORS_ORIGINS: origins.prefault('').describe('Origins that browsers may call from, separated by commas.'),
  CORS_CREDENTIALS: flag.prefault('false').describe('Lets browsers send cookies and credentials from CORS_ORIGINS.'),
  TRUST_PROXY: trustProxy
    .prefault('false')
    .describe('Proxies in front whose X-Forwarded-For is believed: their number, or a list of addresses.'),
  BODY_LIMIT: size.prefault('1mb').describe('Largest request body.'),
  ...tierVariables(),
  AUDIT_BATCH_SIZE: integer(1, 10_000).prefault('100').describe('Audit events that are written together.'),
  AUDIT_FLUSH_INTERVAL: duration.prefault('5s').describe('Longest wait of an audit event before it is written.'),
  AUDIT_RETENTION_DAYS: integer(1, 36_500).optional().describe('Days after which audit events may be dropped.'),
  SHUTDOWN_DRAIN_DELAY: duration.prefault('5s').describe('Pause between an unready probe and the closed port.'),
  SHUTDOWN_TIMEOUT: duration.prefault('30s').describe('Longest wait for requests in flight at shutdown.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .prefault('info')
    .describe('fatal, error, warn, info, debug, trace or silent.'),
  METRICS_TOKEN: z.string().optional().describe('Bearer token for /metrics. Production serves no metrics without it.'),
  SENTRY_DSN: url('https:', 'http:').optional().describe('Sentry project to report errors to.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url('https:', 'http:').optional().describe('OpenTelemetry collector.'),
  ADMIN_EMAIL: z.email({ error: 'is not an email address' }).optional().describe('Email of the first administrator.'),
  ADMIN_PASSWORD: z.string().optional().describe('Password of the first administrator.'),
  PRODUCTION_TEST_ENABLED: flag.optional().describe('Serves /production-test. Unset: on, but off in production.'),
});

export type Variables = z.output<typeof variables>;
export type VariableName = keyof Variables;

/** Variables of the contract that no module acts upon yet. A start that sets one says so. */
export const RESERVED_VARIABLES: readonly VariableName[] = [
  'MANAGEMENT_PORT',
  'JWT_KEYS_FILE',
  'AUDIT_RETENTION_DAYS',
  'SHUTDOWN_DRAIN_DELAY',
  'SHUTDOWN_TIMEOUT',
  'SENTRY_DSN',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
];
