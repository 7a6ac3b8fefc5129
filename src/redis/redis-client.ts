import { isIP } from 'node:net';
import { Logger } from '@nestjs/common';
import { Cluster, Redis, type AbstractConnector, type RedisOptions } from 'ioredis';

/** One client for all three kinds of server. @publicApi */
export type RedisClient = Redis | Cluster;

/** @publicApi */
export interface RedisModuleOptions {
  /**
   * `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS,
   * `redis+sentinel://[user:password@]host[:port],host…/master-name[/db]`, or
   * `redis+cluster://[user:password@]host[:port],host…` (`rediss+sentinel`, `rediss+cluster` for TLS).
   * Special characters of user and password are percent-encoded.
   * @default no Redis: {@link InjectRedis} injects undefined
   */
  url?: string;
  /** Longest wait for the answer to one command, in milliseconds. @default 200 */
  commandTimeoutMs?: number;
}

const MAX_RECONNECT_PAUSE_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_FIRST_ATTEMPT_MS = 5_000;

interface RedisAddress {
  kind: 'single' | 'sentinel' | 'cluster';
  tls: boolean;
  username?: string;
  password?: string;
  hosts: { host: string; port: number }[];
  /** Name of the master in the configuration of the Sentinels. */
  master?: string;
  db: number;
}

const URL_SHAPE = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?#]*)(\/[^?#]*)?$/;
const HOST_SHAPE = /^(\[[0-9a-f:.]+\]|[^:[\]@\s]+)(?::(\d{1,5}))?$/i;
const DEFAULT_PORTS = { single: 6_379, sentinel: 26_379, cluster: 6_379 };

/**
 * Parses a Redis URL. A URL with several hosts is not standard, so the URL parser of Node cannot be used. No error message
 * repeats a part of the URL: if the password has an unencoded character, each part may be a piece of the password.
 *
 * @throws TypeError that says what is wrong
 */
export function parseRedisUrl(url: string): RedisAddress {
  const [matched, scheme, family, credentials = '', hostList = '', path = ''] = URL_SHAPE.exec(url) ?? [];
  if (matched === undefined) {
    throw invalid('is not redis://, rediss://, redis+sentinel:// or redis+cluster:// with hosts and a path');
  }
  const kind = (family ?? 'single') as RedisAddress['kind'];
  const hosts = (hostList || 'localhost').split(',').map((item) => parseHost(item, DEFAULT_PORTS[kind]));
  const segments = path.split('/').filter(Boolean);
  if (kind === 'single' && hosts.length > 1) {
    throw invalid('names several hosts; use redis+sentinel:// or redis+cluster://');
  }
  const master = kind === 'sentinel' ? segments.shift() : undefined;
  if (kind === 'sentinel' && master === undefined) {
    throw invalid('names no master; write redis+sentinel://host/master-name');
  }
  if (kind === 'cluster' && segments.length > 0) throw invalid('names a database, and a cluster has only one');
  const [db = '0', ...rest] = segments;
  if (!/^\d{1,5}$/.test(db) || rest.length > 0) throw invalid('has a path that is not the number of a database');
  return { kind, tls: scheme === 'rediss', ...parseCredentials(credentials), hosts, master, db: Number(db) };
}

function parseHost(item: string, defaultPort: number): { host: string; port: number } {
  const [, host, port = String(defaultPort)] = HOST_SHAPE.exec(item) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw invalid('has a host that is not host[:port]; special characters of a password are percent-encoded');
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** `user:password`, or only a password. The first colon is the separator. */
function parseCredentials(credentials: string): { username?: string; password?: string } {
  const [, username = '', password = ''] = /^(?:([^:]*):)?(.*)$/s.exec(credentials) ?? [];
  try {
    return {
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
    };
  } catch {
    throw invalid('has a % in its user or password that is not part of a percent-encoding; write %25');
  }
}

function invalid(cause: string): TypeError {
  return new TypeError(`REDIS_URL ${cause}`);
}

/**
 * Creates the Redis client of the application. While Redis is not reachable, commands fail at once instead of waiting in a
 * queue, and no command waits longer than the command timeout. Each user of Redis has a rule for an outage; a queue would
 * only grow.
 *
 * @throws TypeError if the URL is not valid
 */
export function createRedisClient(options: RedisModuleOptions & { url: string }): RedisClient {
  const address = parseRedisUrl(options.url);
  const commandTimeout = options.commandTimeoutMs ?? 200;
  const common: RedisOptions = {
    username: address.username,
    password: address.password,
    enableOfflineQueue: false,
    // Subscribers subscribe at each 'ready' event. ioredis would do it as well, and if the connection ended at that moment,
    // its rejection would be unhandled, which ends the process.
    autoResubscribe: false,
    commandTimeout,
    // Detects a host that no longer answers. TCP alone would take about 15 minutes.
    socketTimeout: commandTimeout * 10,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    // A master that became a replica keeps its connections. A new connection leads to the new master.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  const client = logAvailability(handleErrors(build(address, common)));
  // The application starts without Redis, too. The client continues to connect in the background.
  client.connect().catch(() => undefined);
  return client;
}

/**
 * Adds an error listener to each connection of the client, of its copies and of the nodes of a cluster. ioredis handles
 * only the first error of a connection. TLS can report a second one, such as an alert of the server after its certificate
 * was refused, and an error without a listener ends the process.
 */
function handleErrors<T extends RedisClient>(client: T): T {
  if (client instanceof Redis) {
    const { connector } = client as unknown as { connector: AbstractConnector };
    const connect = connector.connect.bind(connector);
    connector.connect = async (report) => (await connect(report)).on('error', () => undefined);
  } else {
    client.on('+node', (node: Redis) => void handleErrors(node));
  }
  const duplicate = client.duplicate.bind(client) as (...overrides: unknown[]) => T;
  return Object.assign(client, { duplicate: (...overrides: unknown[]) => handleErrors(duplicate(...overrides)) });
}

/** Resolves when the first attempt to connect has ended, or takes too long, for example while Redis loads its data. */
export function firstAttempt(client: RedisClient): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, MAX_FIRST_ATTEMPT_MS);
    for (const event of ['ready', 'error', 'reconnecting', 'end']) {
      client.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
    }
  });
}

function build(address: RedisAddress, common: RedisOptions): RedisClient {
  const { kind, tls, hosts, master, db } = address;
  const retryStrategy = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_PAUSE_MS);
  if (kind === 'cluster') {
    const { enableOfflineQueue, lazyConnect, ...redisOptions } = common;
    return new Cluster(hosts, {
      enableOfflineQueue,
      lazyConnect,
      redisOptions: { ...redisOptions, ...(tls && { tls: {} }) },
      clusterRetryStrategy: retryStrategy,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    });
  }
  if (kind === 'sentinel') {
    return reconnecting({
      ...common,
      retryStrategy,
      sentinels: hosts,
      name: master,
      db,
      sentinelRetryStrategy: retryStrategy,
      // Without this limit, a Sentinel that hangs would stop the search for the master forever.
      sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
      ...(tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
    });
  }
  const [{ host, port } = { host: 'localhost', port: DEFAULT_PORTS.single }] = hosts;
  // Shared endpoints choose their certificate by the server name, which Node does not send by default.
  const tlsOptions = tls && { tls: isIP(host) ? {} : { servername: host } };
  return reconnecting({ ...common, retryStrategy, host, port, db, ...tlsOptions });
}

/**
 * Creates a client that stops the timer of its socket timeout when the socket closes. ioredis does not stop it, and the
 * timer would then end the next connection, which is healthy.
 */
function reconnecting(options: RedisOptions): Redis {
  const client = new Redis(options);
  client.on('close', () => {
    const { socketTimeoutTimer } = client as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined };
    clearTimeout(socketTimeoutTimer);
    Object.assign(client, { socketTimeoutTimer: undefined });
  });
  return client;
}

/** Logs one line when Redis becomes unreachable and one when it is reachable again, not one for each retry. */
function logAvailability(client: RedisClient): RedisClient {
  const logger = new Logger('Redis');
  let isDown = false;
  const markDown = (reason: string) => {
    if (!isDown) logger.warn(`Redis is not reachable: ${reason}`);
    isDown = true;
  };
  client.on('error', (error: NodeJS.ErrnoException) => markDown(error.message || error.code || error.name));
  // A server that stops closes its connections without an error.
  client.on('reconnecting', () => markDown('the connection was closed'));
  client.on('ready', () => {
    if (isDown) logger.log('Redis is reachable again');
    isDown = false;
  });
  return client;
}
