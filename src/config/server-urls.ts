// What a URL of a server must be like, told before anything connects. The URLs hold passwords: no message repeats one.

const ENCODE = 'percent-encode @ / ? # and % in user and password (%40 %2F %3F %23 %25)';

interface Parts {
  hosts: string[];
  path: string;
  query: string;
}

/** Several hosts are no URL by the standard, so that they are cut out before each is tried as one. */
function partsOf(text: string): Parts {
  const [, authority = '', path = '', query = ''] = /^[^:]+:\/\/([^/?#]*)([^?#]*)(.*)$/s.exec(text) ?? [];
  const end = authority.lastIndexOf('@');
  if ((path + query).includes('@')) throw new RangeError(`has an @ behind its host; ${ENCODE}`);
  if (authority.slice(0, Math.max(end, 0)).includes('@')) throw new RangeError(`has more than one @; ${ENCODE}`);
  if (!isDecodable(authority) || !isDecodable(path)) throw new RangeError(`has a % that encodes nothing; ${ENCODE}`);
  return { hosts: authority.slice(end + 1).split(','), path, query };
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function checkHosts(hosts: string[]): void {
  for (const host of hosts) {
    if (host === '' || host.startsWith(':')) throw new RangeError('names no host');
    const url = URL.canParse(`redis://${host}`) ? new URL(`redis://${host}`) : undefined;
    if (!url || url.port === '0') throw new RangeError('has a host or a port that cannot be one');
  }
}

export function postgresUrl(text: string): string {
  if (!/^postgres(?:ql)?:\/\//.test(text)) throw new RangeError('does not begin with postgres:// or postgresql://');
  const { hosts, query } = partsOf(text);
  if (hosts.length > 1) throw new RangeError('names several hosts, and the client takes one');
  const isSocket = hosts[0] === '' && new URLSearchParams(query.replace(/#.*/s, '')).has('host');
  if (!isSocket) checkHosts(hosts);
  return text;
}

/** Database number, master name: what stands behind the hosts. */
const REDIS_PATHS = {
  single: { pattern: /^(?:\/\d*)?$/, what: 'a database number, such as redis://host/0' },
  sentinel: {
    pattern: /^\/[^/]+(?:\/\d+)?$/,
    what: 'the name of the master, such as redis+sentinel://host1,host2/mymaster',
  },
  cluster: { pattern: /^\/?$/, what: 'nothing: a cluster has no database numbers' },
} as const;

export function redisUrl(text: string): string {
  const scheme = /^rediss?(?:\+(sentinel|cluster))?:\/\//.exec(text);
  if (!scheme) {
    throw new RangeError('does not begin with redis://, rediss://, or one of these with +sentinel or +cluster');
  }
  const kind = (scheme[1] ?? 'single') as keyof typeof REDIS_PATHS;
  const { hosts, path, query } = partsOf(text);
  checkHosts(hosts);
  if (kind === 'single' && hosts.length > 1) {
    throw new RangeError('names several hosts; write redis+sentinel:// or redis+cluster://');
  }
  const { pattern, what } = REDIS_PATHS[kind];
  if (!pattern.test(path)) throw new RangeError(`must have behind its host ${what}`);
  if (query !== '') throw new RangeError('has a query or a fragment, and the client takes none');
  return text;
}

export function httpUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new RangeError('is not a URL that begins with https:// or http://');
}
