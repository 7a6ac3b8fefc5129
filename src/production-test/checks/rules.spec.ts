import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../config/index.js';
import { readFactsOfConfig, type ConfigurationFacts } from './configuration.facts.js';
import { CONFIGURATION_RULES } from './configuration.rules.js';
import type { DatabaseFacts } from './database.facts.js';
import { DATABASE_LOGIN_RULES, type LoginFacts } from './database-login.rules.js';
import { DATABASE_RULES } from './database.rules.js';
import { REDIS_RULES, type RedisFacts } from './redis.rules.js';
import { applyRule, type Rule } from './rule.js';
import { RUNTIME_RULES, type RuntimeFacts } from './runtime.rules.js';

const GOOD_ENVIRONMENT = {
  NODE_ENV: 'production',
  JWT_SECRET: 'Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eUo6iKxWqZr',
  PASSWORD_PEPPER: 'Nq8sLw2zXc5vBn7mKj4hGf6dSa9pOi3uYt1rEwQm',
  AUDIT_SEAL_SECRET: 'Zx6cVb3nMa9sDf2gHj5kLq8wEr1tYu4iOp7lKjHg',
  AUDIT_JOURNAL_DIR: '/var/lib/app/journal',
  METRICS_TOKEN: 'Hg5fDs2aPo9iUy6tRe3wQl8kJm1nBv4cXz7lKjHg',
  DATABASE_URL: 'postgres://app:k3Jq9Vx2@db.internal/app?sslmode=verify-full',
  REDIS_URL: 'rediss://:k3Jq9Vx2@redis.internal',
  CORS_ORIGINS: 'https://app.example.com',
  TRUST_PROXY: '10.0.0.0/8',
  MAIL_URL: 'smtps://mail.example.com',
};

/** An environment for each rule that violates the rule. */
const BAD_ENVIRONMENTS: Record<string, Record<string, string | undefined>> = {
  'config.node-env': { NODE_ENV: 'development' },
  'config.host': { NODE_ENV: 'development', HOST: '0.0.0.0' },
  'config.signing-key': { NODE_ENV: 'development', JWT_SECRET: 'secret secret secret secret secret secret' },
  'config.access-ttl': { JWT_ACCESS_TTL: '2h' },
  'config.refresh-ttl': { JWT_REFRESH_TTL: '365d' },
  'config.session-check': { AUTH_SESSION_CHECK: 'off' },
  'config.bcrypt-cost': { NODE_ENV: 'development', BCRYPT_COST: '8' },
  'config.pepper': { PASSWORD_PEPPER: undefined },
  'config.admin-password': { ADMIN_EMAIL: 'boss@example.com', ADMIN_PASSWORD: 'a long enough password' },
  'config.database-server': { DATABASE_URL: undefined, DATABASE_EMBEDDED_IN_PRODUCTION: 'true' },
  'config.database-password': { NODE_ENV: 'development', DATABASE_URL: 'postgres://postgres:postgres@db/app' },
  'config.database-tls': { DATABASE_TLS: 'off', DATABASE_URL: 'postgres://app:k3Jq9Vx2@db.internal/app' },
  'config.statement-timeout': { DATABASE_STATEMENT_TIMEOUT: '10m' },
  'config.redis': { REDIS_URL: undefined },
  'config.redis-password': { REDIS_URL: 'rediss://redis.internal' },
  'config.redis-tls': { REDIS_TLS: 'off', REDIS_URL: 'redis://:k3Jq9Vx2@redis.internal' },
  'config.cors-origins': { CORS_ORIGINS: '*' },
  'config.cors-https': { CORS_ORIGINS: 'http://app.example.com' },
  'config.trust-proxy': { TRUST_PROXY: '0.0.0.0/1' },
  'config.metrics-token': { METRICS_TOKEN: undefined },
  'config.body-limit': { BODY_LIMIT: '100mb' },
  'config.limit-default': { THROTTLE_DEFAULT_LIMIT: '100000' },
  'config.limit-auth': { THROTTLE_AUTH_LIMIT: '1000' },
  'config.limit-failed-logins': { THROTTLE_FAILED_LOGIN_LIMIT: '1000' },
  'config.audit-secret': { AUDIT_SEAL_SECRET: undefined },
  'config.audit-journal': { AUDIT_JOURNAL_DIR: '/tmp/journal' },
  'config.mail': { MAIL_URL: undefined },
  'config.mail-tls': { MAIL_TLS: 'off', MAIL_URL: 'smtp://mail.example.com' },
  'config.log-level': { LOG_LEVEL: 'debug' },
  'shutdown.drain-delay': { SHUTDOWN_DRAIN_DELAY: '0ms' },
  'shutdown.timeout': { SHUTDOWN_TIMEOUT: '10m' },
};

const configuration = (changes: Record<string, string | undefined> = {}): ConfigurationFacts =>
  readFactsOfConfig(loadConfig({ ...GOOD_ENVIRONMENT, ...changes }).config);

const GOOD_RUNTIME: RuntimeFacts = {
  nodeVersion: 'v24.1.0',
  now: new Date('2026-11-01'),
  heapLimitBytes: 3e8,
  memoryLimitBytes: 5e8,
  rssBytes: 2e8,
  openFilesLimit: 65_536,
  disk: { freeBytes: 5e10, totalBytes: 1e11 },
  userId: 1000,
  inspectorUrl: undefined,
  checksCertificates: true,
  eventLoopDelayMs: 12,
  stopsOnSignals: true,
};

const BAD_RUNTIMES: Record<string, Partial<RuntimeFacts>> = {
  'runtime.node-version': { nodeVersion: 'v18.20.0' },
  'runtime.heap-limit': { heapLimitBytes: 4e9 },
  'runtime.memory': { rssBytes: 4.9e8 },
  'runtime.open-files': { openFilesLimit: 1_024 },
  'runtime.disk': { disk: { freeBytes: 2e9, totalBytes: 1e11 } },
  'runtime.user': { userId: 0 },
  'runtime.inspector': { inspectorUrl: 'ws://127.0.0.1:9229/x' },
  'runtime.certificates': { checksCertificates: false },
  'runtime.event-loop': { eventLoopDelayMs: 400 },
  'shutdown.signals': { stopsOnSignals: false },
};

const GOOD_DATABASE: DatabaseFacts = {
  roundTripMs: 1,
  clockSkewMs: 3,
  majorVersion: 17,
  now: new Date('2026-11-01'),
  maxConnections: 100,
  reservedConnections: 3,
  usedConnections: 20,
  poolMax: 20,
  replicas: 3,
  usesTls: true,
  isRemote: true,
  settings: {
    statement_timeout: '30000',
    idle_in_transaction_session_timeout: '30000',
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    autovacuum: 'on',
    password_encryption: 'scram-sha-256',
  },
  pendingMigrations: [],
  invalidIndexes: [],
  unindexedForeignKeys: [],
  scannedTables: [],
  idleInTransactionSeconds: 0,
  transactionIdAge: 5e6,
};

const withSetting = (name: string, value: string): Partial<DatabaseFacts> => ({
  settings: { ...GOOD_DATABASE.settings, [name]: value },
});

const BAD_DATABASES: Record<string, Partial<DatabaseFacts>> = {
  'database.round-trip': { roundTripMs: 80 },
  'database.migrations': { pendingMigrations: ['AddThings1'] },
  'database.connections': { replicas: 5 },
  'database.connections-left': { usedConnections: 90 },
  'database.tls': { usesTls: false },
  'database.clock': { clockSkewMs: -5_000 },
  'database.version': { majorVersion: 13 },
  'database.statement-timeout': withSetting('statement_timeout', '0'),
  'database.idle-timeout': withSetting('idle_in_transaction_session_timeout', '0'),
  'database.durability': withSetting('fsync', 'off'),
  'database.autovacuum': withSetting('autovacuum', 'off'),
  'database.password-hashing': withSetting('password_encryption', 'md5'),
  'database.indexes': { unindexedForeignKeys: ['orders.user_id'] },
  'database.invalid-indexes': { invalidIndexes: ['orders_ix'] },
  'database.scans': { scannedTables: ['orders'] },
  'database.idle-transactions': { idleInTransactionSeconds: 900 },
  'database.wraparound': { transactionIdAge: 1.5e9 },
};

const GOOD_REDIS: RedisFacts = {
  roundTripMs: 0.4,
  version: '7.2.4',
  evictionPolicy: 'noeviction',
  usedBytes: 1e6,
  maxBytes: 1e8,
  rejectedConnections: 0,
  isPasswordSet: true,
  isRemote: true,
};

const BAD_REDIS: Record<string, Partial<RedisFacts>> = {
  'redis.round-trip': { roundTripMs: 35 },
  'redis.version': { version: '5.0.7' },
  'redis.eviction': { evictionPolicy: 'allkeys-lru' },
  'redis.memory': { usedBytes: 9.9e7 },
  'redis.connections': { rejectedConnections: 4 },
  'redis.password': { isPasswordSet: false },
};

/** Tests each rule with good facts, and with facts that violate only this rule. */
function describeRules<Facts>(
  name: string,
  rules: readonly Rule<Facts>[],
  good: () => Facts,
  bad: Record<string, () => Facts>,
): void {
  describe(`the rules of the ${name}`, () => {
    it('each have a case that violates them', () => {
      expect(rules.map((rule) => rule.name).sort()).toEqual(Object.keys(bad).sort());
    });

    it.each(rules.map((rule) => [rule.name, rule] as const))('%s', (rule, definition) => {
      expect(applyRule(definition, good()).status).toBe('pass');
      const broken = bad[rule]?.() as Facts;
      expect(applyRule(definition, broken)).toEqual({
        status: definition.otherwise ?? 'fail',
        evidence: expect.any(Object),
        remedy: definition.remedy,
      });
      expect(applyRule(definition, broken, true).status).toBe('warn');
    });
  });
}

const toFactories =
  <T>(cases: Record<string, T>) =>
  <F>(make: (one: T) => F) =>
    Object.fromEntries(Object.entries(cases).map(([name, one]) => [name, () => make(one)]));

describeRules('configuration', CONFIGURATION_RULES, configuration, toFactories(BAD_ENVIRONMENTS)(configuration));
describeRules(
  'runtime',
  RUNTIME_RULES,
  () => GOOD_RUNTIME,
  toFactories(BAD_RUNTIMES)((bad) => ({ ...GOOD_RUNTIME, ...bad })),
);
describeRules(
  'database',
  DATABASE_RULES,
  () => GOOD_DATABASE,
  toFactories(BAD_DATABASES)((bad) => ({ ...GOOD_DATABASE, ...bad })),
);
describeRules(
  'the database login',
  DATABASE_LOGIN_RULES,
  (): LoginFacts => ({ login: { name: 'app', isSuperuser: false, bypassesRls: false } }),
  { 'config.database-login': (): LoginFacts => ({ login: { name: 'root', isSuperuser: true, bypassesRls: true } }) },
);
describeRules(
  'Redis',
  REDIS_RULES,
  () => GOOD_REDIS,
  toFactories(BAD_REDIS)((bad) => ({ ...GOOD_REDIS, ...bad })),
);

describe('rules', () => {
  it('show no secrets in their evidence', () => {
    const evidence = CONFIGURATION_RULES.map((rule) =>
      JSON.stringify(applyRule(rule, configuration()).evidence),
    ).join();
    for (const secret of ['Vw3k9QpXz7', 'Nq8sLw2z', 'Zx6cVb3n', 'Hg5fDs2a', 'k3Jq9Vx2']) {
      expect(evidence).not.toContain(secret);
    }
  });

  it('are skipped if they do not apply', () => {
    for (const rule of REDIS_RULES) expect(applyRule(rule, undefined).status).toBe('skip');
    const [unknown] = RUNTIME_RULES;
    expect(unknown && applyRule(unknown, { ...GOOD_RUNTIME, nodeVersion: 'v99.0.0' }).status).toBe('skip');
  });
});
