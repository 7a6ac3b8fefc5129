import { Logger } from '@nestjs/common';
import { Cluster, Redis, type RedisOptions } from 'ioredis';

/** One client for all three kinds of server. @publicApi */
export type RedisClient = Redis | Cluster;

/** @publicApi */
export interface RedisModuleOptions {
  /**
   * `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS,
   * `redis+sentinel://[user:password@]host[:port],host…/master-name[/db]`, or
   * `redis+cluster://[user:password@]host[:port],host…` (`rediss+cluster` for TLS).
   * @default no Redis: {@link InjectRedis} gives undefined
   */
  url?: string;
  /** Wait for the answer to one command, in milliseconds. @default 200 */
  commandTimeoutMs?: number;
}

const LONGEST_RECONNECT_PAUSE_MS = 2_000;

interface RedisAddress {
  kind: 'single' | 'sentinel' | 'cluster';
  tls: boolean;
  username?: string;
  password?: string;
  hosts: { host: string; port: number }[];
  path: string[];
}

/**
 * Takes a Redis URL apart. Several hosts are not a URL by the standard, so the list is cut out before it is parsed.
 *
 * @throws TypeError that says what is missing
 */
export function parseRedisUrl(url: string): RedisAddress {
  const match = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/]*)(\/.*)?$/.exec(url);
  if (!match) throw new TypeError('REDIS_URL is not redis://, rediss://, redis+sentinel:// or redis+cluster://');
  const [, scheme, kind = 'single', credentials = '', hostList = '', path = ''] = match;
  const [username, password] = credentials.includes(':') ? credentials.split(':', 2) : ['', credentials];
  const defaultPort = kind === 'sentinel' ? 26_379 : 6_379;
  const hosts = (hostList || 'localhost').split(',').map((item) => {
    const { hostname, port } = new URL(`redis://${item}`);
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort) };
  });
  if (kind === 'single' && hosts.length > 1) {
    throw new TypeError('REDIS_URL names several hosts; say redis+sentinel:// or redis+cluster://');
  }
  return {
    kind: kind as RedisAddress['kind'],
    tls: scheme === 'rediss',
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    hosts,
    path: path.split('/').filter(Boolean),
  };
}

/**
 * The suite's Redis client. Commands never queue while Redis is away and never wait longer than the command timeout:
 * whoever uses Redis has a rule for its absence, and a queue would only turn an outage into a memory leak.
 */
export function createRedisClient(options: RedisModuleOptions & { url: string }): RedisClient {
  const address = parseRedisUrl(options.url);
  const common: RedisOptions = {
    username: address.username,
    password: address.password,
    enableOfflineQueue: false,
    commandTimeout: options.commandTimeoutMs ?? 200,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    ...(address.tls && { tls: {} }),
  };
  const client = logged(build(address, common));
  // Redis being away is no reason not to start; the client goes on trying in the background.
  client.connect().catch(() => undefined);
  return client;
}

function build(address: RedisAddress, common: RedisOptions): RedisClient {
  const retryStrategy = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 10), LONGEST_RECONNECT_PAUSE_MS);
  if (address.kind === 'cluster') {
    const { enableOfflineQueue, lazyConnect, ...redisOptions } = common;
    return new Cluster(address.hosts, {
      enableOfflineQueue,
      lazyConnect,
      redisOptions,
      clusterRetryStrategy: retryStrategy,
      slotsRefreshTimeout: 2_000,
    });
  }
  if (address.kind === 'sentinel') {
    const [name, db] = address.path;
    if (name === undefined) throw new TypeError('REDIS_URL names no master; write redis+sentinel://host/master-name');
    return new Redis({
      ...common,
      retryStrategy,
      sentinels: address.hosts,
      name,
      db: Number(db ?? 0),
      sentinelRetryStrategy: retryStrategy,
    });
  }
  return new Redis({ ...common, retryStrategy, ...address.hosts[0], db: Number(address.path[0] ?? 0) });
}

/** One line when Redis goes away and one when it is back, not one per retry. */
function logged(client: RedisClient): RedisClient {
  const logger = new Logger('Redis');
  let isDown = false;
  client.on('error', (error: Error) => {
    if (!isDown) logger.warn(`Redis is not reachable: ${error.message || error.name}`);
    isDown = true;
  });
  client.on('ready', () => {
    if (isDown) logger.log('Redis is reachable again');
    isDown = false;
  });
  return client;
}
