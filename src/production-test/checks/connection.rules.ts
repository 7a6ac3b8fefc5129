import { postgresConnection, redisConnection } from '../../config/index.js';
import type { ConfigurationFacts } from './configuration.facts.js';
import { createModuleRules, type Rule } from './rule.js';

/** Names and passwords that come with a database, its image or its tutorial. */
const STOCK_PASSWORDS = ['postgres', 'password', 'admin', 'root', 'changeme', 'secret', 'example', 'test', '123456'];

const urlOf = (text: string | undefined) => (text !== undefined && URL.canParse(text) ? new URL(text) : undefined);

const DATABASE_CONNECTION_RULES: readonly Rule<NonNullable<ConfigurationFacts['database']>>[] = [
  {
    name: 'config.database-server',
    title: 'The database is a server of its own',
    reference: 'OWASP ASVS 5.0 V13.2.2',
    remedy: 'Set `url` of DatabaseModule; the embedded server is for one process on one machine.',
    variables: ['DATABASE_URL'],
    holds: ({ url }) => url !== undefined,
  },
  {
    name: 'config.database-password',
    title: 'The database’s password is not one that came with it',
    reference: 'OWASP ASVS 5.0 V13.2.3',
    remedy: 'Give the database user a random password.',
    variables: ['DATABASE_URL'],
    holds: ({ url: text }) => {
      const url = urlOf(text);
      if (!url) return 'the embedded server makes a password of its own';
      if (url.password === '') return 'the URL holds no password';
      const password = decodeURIComponent(url.password).toLowerCase();
      return !STOCK_PASSWORDS.includes(password) && password !== decodeURIComponent(url.username).toLowerCase();
    },
  },
  {
    name: 'config.database-tls',
    title: 'A database elsewhere is reached over TLS, and its certificate checked',
    reference: 'OWASP ASVS 5.0 V12.3.1, V12.3.2',
    remedy: 'Add ?sslmode=verify-full&sslrootcert=ca.pem to `url` of DatabaseModule.',
    variables: ['DATABASE_URL'],
    otherwise: 'warn',
    holds: ({ url }) => {
      const connection = url === undefined ? undefined : postgresConnection(url);
      if (!connection || connection.isLocal) return 'the database is on this machine';
      return connection.encryption === 'verified';
    },
    seen: ({ url }) => url && postgresConnection(url).encryption,
  },
  {
    name: 'config.statement-timeout',
    title: 'No statement runs without an end',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Set `statementTimeoutMs` of DatabaseModule to a minute or less.',
    variables: ['DATABASE_STATEMENT_TIMEOUT'],
    holds: ({ statementTimeoutMs }) => statementTimeoutMs > 0 && statementTimeoutMs <= 60_000,
    seen: ({ statementTimeoutMs }) => `${statementTimeoutMs} ms`,
  },
];

const REDIS_CONNECTION_RULES: readonly Rule<NonNullable<ConfigurationFacts['redis']>>[] = [
  {
    name: 'config.redis',
    title: 'Limits and caches are shared between replicas',
    reference: 'OWASP ASVS 5.0 V2.4.1',
    remedy: 'Set `url` of RedisModule, or run one process only.',
    variables: ['REDIS_URL'],
    otherwise: 'warn',
    holds: ({ url }) => url !== undefined,
  },
  {
    name: 'config.redis-password',
    title: 'A Redis elsewhere asks for a password',
    reference: 'OWASP ASVS 5.0 V13.2.1',
    remedy: 'Set requirepass or an ACL user in Redis and put it into `url` of RedisModule.',
    variables: ['REDIS_URL'],
    holds: ({ url }) => {
      if (url === undefined || redisConnection(url).isLocal) return 'no Redis, or one on this machine';
      return urlOf(url.split(',')[0])?.password !== '';
    },
  },
  {
    name: 'config.redis-tls',
    title: 'A Redis elsewhere is reached over TLS',
    reference: 'OWASP ASVS 5.0 V12.3.1',
    remedy: 'Write rediss:// in `url` of RedisModule.',
    variables: ['REDIS_URL'],
    otherwise: 'warn',
    holds: ({ url }) => {
      const connection = url === undefined ? undefined : redisConnection(url);
      if (!connection || connection.isLocal) return 'no Redis, or one on this machine';
      return connection.encryption === 'verified';
    },
  },
];

/** Rules of the connections to the database and to Redis. */
export const CONNECTION_RULES: readonly Rule<ConfigurationFacts>[] = [
  ...createModuleRules('DatabaseModule', ({ database }: ConfigurationFacts) => database, DATABASE_CONNECTION_RULES),
  ...createModuleRules('RedisModule', ({ redis }: ConfigurationFacts) => redis, REDIS_CONNECTION_RULES),
];
