import { postgresConnection, redisConnection, type AppConfig } from '../../config/index.js';
import type { Rule } from './rule.js';

/** Names and passwords that come with a database, its image or its tutorial. */
const STOCK_PASSWORDS = ['postgres', 'password', 'admin', 'root', 'changeme', 'secret', 'example', 'test', '123456'];

const urlOf = (text: string | undefined) => (text !== undefined && URL.canParse(text) ? new URL(text) : undefined);

/** Rules of the connections to the database and to Redis. */
export const CONNECTION_RULES: readonly Rule<AppConfig>[] = [
  {
    name: 'config.database-server',
    title: 'The database is a server of its own',
    reference: 'OWASP ASVS 5.0 V13.2.2',
    remedy: 'Set DATABASE_URL; the embedded server is for one process on one machine.',
    holds: ({ database }) => database.url !== undefined,
  },
  {
    name: 'config.database-password',
    title: 'The database’s password is not one that came with it',
    reference: 'OWASP ASVS 5.0 V13.2.3',
    remedy: 'Give the database user a random password.',
    holds: ({ database }) => {
      const url = urlOf(database.url);
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
    remedy: 'Add ?sslmode=verify-full&sslrootcert=ca.pem to DATABASE_URL.',
    otherwise: 'warn',
    holds: ({ database }) => {
      const connection = database.url === undefined ? undefined : postgresConnection(database.url);
      if (!connection || connection.isLocal) return 'the database is on this machine';
      return connection.encryption === 'verified';
    },
    seen: ({ database }) => database.url && postgresConnection(database.url).encryption,
  },
  {
    name: 'config.statement-timeout',
    title: 'No statement runs without an end',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Set DATABASE_STATEMENT_TIMEOUT to a minute or less.',
    holds: ({ database }) => database.statementTimeoutMs > 0 && database.statementTimeoutMs <= 60_000,
    seen: ({ database }) => `${database.statementTimeoutMs} ms`,
  },
  {
    name: 'config.redis',
    title: 'Limits and caches are shared between replicas',
    reference: 'OWASP ASVS 5.0 V2.4.1',
    remedy: 'Set REDIS_URL, or run one process only.',
    otherwise: 'warn',
    holds: ({ redis }) => redis.url !== undefined,
  },
  {
    name: 'config.redis-password',
    title: 'A Redis elsewhere asks for a password',
    reference: 'OWASP ASVS 5.0 V13.2.1',
    remedy: 'Set requirepass or an ACL user in Redis and put it into REDIS_URL.',
    holds: ({ redis }) => {
      if (redis.url === undefined || redisConnection(redis.url).isLocal) return 'no Redis, or one on this machine';
      return urlOf(redis.url.split(',')[0])?.password !== '';
    },
  },
  {
    name: 'config.redis-tls',
    title: 'A Redis elsewhere is reached over TLS',
    reference: 'OWASP ASVS 5.0 V12.3.1',
    remedy: 'Write rediss:// in REDIS_URL.',
    otherwise: 'warn',
    holds: ({ redis }) => {
      const connection = redis.url === undefined ? undefined : redisConnection(redis.url);
      if (!connection || connection.isLocal) return 'no Redis, or one on this machine';
      return connection.encryption === 'verified';
    },
  },
];
