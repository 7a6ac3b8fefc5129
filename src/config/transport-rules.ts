import type { ConfigProblem } from './config-error.js';
import { rule, type Rule } from './rule.js';
import {
  mailConnection,
  postgresConnection,
  redisConnection,
  requiresTls,
  type ServerConnection,
} from './transport-security.js';
import type { Variables } from './variables.js';

interface Server {
  readonly url: 'DATABASE_URL' | 'DATABASE_MIGRATION_URL' | 'REDIS_URL' | 'MAIL_URL';
  readonly setting: 'DATABASE_TLS' | 'REDIS_TLS' | 'MAIL_TLS';
  readonly connectionOf: (url: string) => ServerConnection;
  readonly remedy: string;
}

const DATABASE = {
  setting: 'DATABASE_TLS',
  connectionOf: postgresConnection,
  remedy: 'add ?sslmode=verify-full (and &sslrootcert=ca.pem for an authority of your own)',
} as const;

/** The servers of one rule: production reaches another machine over TLS, or says by name that it does not. */
const SERVERS: readonly Server[] = [
  { url: 'DATABASE_URL', ...DATABASE },
  { url: 'DATABASE_MIGRATION_URL', ...DATABASE },
  {
    url: 'REDIS_URL',
    setting: 'REDIS_TLS',
    connectionOf: redisConnection,
    remedy: 'write rediss://, rediss+sentinel:// or rediss+cluster://',
  },
  {
    url: 'MAIL_URL',
    setting: 'MAIL_TLS',
    connectionOf: mailConnection,
    remedy: 'remove ignoreTLS, opportunisticTLS and requireTLS=false',
  },
];

export const TRANSPORT_RULES: readonly Rule[] = SERVERS.map(({ url, setting, connectionOf, remedy }) =>
  rule(['NODE_ENV', url, setting], (v): ConfigProblem | undefined => {
    const [text, tls] = [v[url], v[setting]];
    if (text === undefined) return undefined;
    const connection = connectionOf(text);
    if (connection.encryption !== 'none' || !requiresTls(tls, v.NODE_ENV === 'production', connection))
      return undefined;
    if (connection.isOptOut && tls === undefined) return undefined;
    return {
      variable: url,
      cause: connection.isLocal ? `is without TLS, and ${setting} requires it` : 'reaches another machine without TLS',
      remedy: `${remedy}, or allow it with ${setting}=off`,
    };
  }),
);

/** Connections whose other end is not checked. */
export function transportWarnings(values: Variables): string[] {
  return SERVERS.flatMap(({ url, connectionOf }) => {
    const text = values[url];
    const connection = text === undefined ? undefined : connectionOf(text);
    if (!connection || connection.isLocal || connection.encryption !== 'unverified') return [];
    return [`${url} asks for TLS and does not check the certificate, so that anybody on the way could be the server`];
  });
}
