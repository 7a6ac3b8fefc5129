import { z } from 'zod';
import { duration, flag, integer, parsed, tls } from '../notations.js';
import { urlPassword } from '../secrets.js';
import { postgresUrl, redisUrl } from '../server-urls.js';
import { variable } from '../variable.js';

export const databaseVariables = {
  DATABASE_URL: variable({
    schema: parsed(postgresUrl),
    description:
      'PostgreSQL URL (TLS by ?sslmode=verify-full&sslrootcert=ca.pem). Unset: an embedded server in DATA_DIR.',
    secret: urlPassword('the database could be read and changed'),
    setting: 'database.url',
  }),
  DATABASE_MIGRATION_URL: variable({
    schema: parsed(postgresUrl),
    description: 'URL of the login that owns the tables and migrates. Unset: DATABASE_URL migrates as well.',
    secret: urlPassword('the database could be read and changed'),
    setting: 'database.migrationUrl',
  }),
  DATABASE_TLS: variable({
    schema: tls,
    description:
      'required: only over TLS. off: also without TLS. Unset: required in production, except to this machine. For DATABASE_URL.',
  }),
  DATA_DIR: variable({
    schema: z.string(),
    default: '.data',
    description: 'Folder of the embedded database and of development secrets.',
    setting: 'database.dataDir',
  }),
  DATABASE_EMBEDDED_IN_PRODUCTION: variable({
    schema: flag,
    default: 'false',
    description: 'Allows production to run on the embedded database.',
  }),
  DATABASE_POOL_MIN: variable({
    schema: integer(0, 1000),
    default: '5',
    description: 'Connections kept open when idle.',
    setting: 'database.poolMin',
  }),
  DATABASE_POOL_MAX: variable({
    schema: integer(1, 1000),
    default: '20',
    description: 'Connections at most.',
    setting: 'database.poolMax',
  }),
  DATABASE_CONNECT_TIMEOUT: variable({
    schema: duration(),
    default: '5s',
    description: 'Wait for a connection, from the pool or a new one.',
    setting: 'database.connectTimeoutMs',
  }),
  DATABASE_STATEMENT_TIMEOUT: variable({
    schema: duration(),
    default: '30s',
    description: 'Longest run of one statement.',
    setting: 'database.statementTimeoutMs',
  }),
  DATABASE_IDLE_IN_TRANSACTION_TIMEOUT: variable({
    schema: duration(),
    default: '30s',
    description: 'Longest pause inside a transaction.',
    setting: 'database.idleInTransactionTimeoutMs',
  }),
  DATABASE_START_TIMEOUT: variable({
    schema: duration('0ms'),
    default: '30s',
    description: 'How long a start waits for the database before it gives up.',
    setting: 'database.startTimeoutMs',
  }),
  REDIS_URL: variable({
    schema: parsed(redisUrl),
    description: 'redis://host, redis+sentinel://h1,h2/master or redis+cluster://h1,h2. Unset: in-memory stores.',
    secret: urlPassword('limits and caches could be read and changed'),
    setting: 'redis.url',
  }),
  REDIS_TLS: variable({
    schema: tls,
    description:
      'required: only over TLS. off: also without TLS. Unset: required in production, except to this machine. For REDIS_URL.',
  }),
  REDIS_COMMAND_TIMEOUT: variable({
    schema: duration(),
    default: '200ms',
    description: 'Maximum wait for the reply to one Redis command.',
    setting: 'redis.commandTimeoutMs',
  }),
};
