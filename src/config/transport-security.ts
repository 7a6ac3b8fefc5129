import { isIP } from 'node:net';

/** How a connection to a server is protected. Unverified: encrypted, and the server at the other end is not checked. */
export type Encryption = 'none' | 'unverified' | 'verified';

/** What the URL of a server says about the connection. */
export interface ServerConnection {
  readonly isLocal: boolean;
  readonly encryption: Encryption;
  /** The URL itself says that there is no TLS, so that it is no oversight. */
  readonly isOptOut: boolean;
}

/** Whether a host name or address is this machine, or the path of a socket. */
export function isLocalHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (bare.startsWith('/') || bare === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}

/** User information and port are left out. A list of hosts is no URL by the standard. */
function partsOf(url: string): { scheme: string; hosts: string[]; parameters: Map<string, string> } {
  const [, scheme = '', authority = '', query = ''] = /^([^:]+):\/\/([^/?#]*)[^?#]*(?:\?([^#]*))?/s.exec(url) ?? [];
  const hosts = authority.slice(authority.lastIndexOf('@') + 1).split(',');
  return {
    scheme,
    // A host that begins with %2F is the path of a socket.
    hosts: hosts.map((host) => host.replace(/:\d+$/, '').replace(/%2f/gi, '/')),
    // As pg does, the last of two takes effect.
    parameters: new Map(new URLSearchParams(query)),
  };
}

/** As the driver pg reads a URL: any `sslmode` but `disable` is TLS, from which it never falls back. */
export function postgresConnection(url: string): ServerConnection {
  const { hosts, parameters } = partsOf(url);
  const host = parameters.get('host') || (hosts[0] ?? '');
  const mode = parameters.get('sslmode');
  const isOptOut = mode === 'disable';
  const hasTls =
    !isOptOut &&
    (Boolean(mode) ||
      ['sslrootcert', 'sslcert', 'sslkey'].some((name) => parameters.get(name)) ||
      ['true', '1'].includes(parameters.get('ssl') ?? '') ||
      parameters.get('sslnegotiation') === 'direct');
  const isLibpq = parameters.get('uselibpqcompat') === 'true';
  const isUnverified =
    mode === 'no-verify' || (isLibpq && (mode === 'prefer' || (mode === 'require' && !parameters.get('sslrootcert'))));
  return {
    isLocal: isLocalHost(host),
    encryption: !hasTls ? 'none' : isUnverified ? 'unverified' : 'verified',
    isOptOut,
  };
}

export function redisConnection(url: string): ServerConnection {
  const { scheme, hosts } = partsOf(url);
  return {
    isLocal: hosts.every(isLocalHost),
    encryption: scheme.startsWith('rediss') ? 'verified' : 'none',
    isOptOut: false,
  };
}

/** `smtp:` begins without TLS; the sender then demands STARTTLS, unless the URL says otherwise. */
export function mailConnection(url: string): ServerConnection {
  const { scheme, hosts, parameters } = partsOf(url);
  if (scheme === 'file' || url.startsWith('file:')) return { isLocal: true, encryption: 'none', isOptOut: false };
  const isOptOut =
    scheme === 'smtp' &&
    (parameters.get('requireTLS') === 'false' ||
      ['ignoreTLS', 'opportunisticTLS'].some((name) => parameters.get(name) === 'true'));
  const isUnverified = parameters.get('tls.rejectUnauthorized') === 'false';
  return {
    isLocal: hosts.every(isLocalHost),
    encryption: isOptOut ? 'none' : isUnverified ? 'unverified' : 'verified',
    isOptOut: false,
  };
}

/** What `DATABASE_TLS`, `REDIS_TLS` and `MAIL_TLS` say; unset, production demands TLS to other machines. */
export type TlsSetting = 'required' | 'off' | undefined;

/** Whether the connection may only be made over TLS. */
export function requiresTls(setting: TlsSetting, isProduction: boolean, { isLocal }: ServerConnection): boolean {
  return setting === undefined ? isProduction && !isLocal : setting === 'required';
}
