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
   * @default no Redis: {@link InjectRedis} gives undefined
   */
  url?: string;
  /** Wait for the answer to one command, in milliseconds. @default 200 */
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
  /** Name that the Sentinels know the master by. */
  master?: string;
  db: number;
}

const URL_SHAPE = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?#]*)(\/[^?#]*)?$/;
const HOST_SHAPE = /^(\[[0-9a-f:.]+\]|[^:[\]@\s]+)(?::(\d{1,5}))?$/i;
const DEFAULT_PORTS = { single: 6_379, sentinel: 26_379, cluster: 6_379 };

/**
 * Takes a Redis URL apart. Several hosts are not a URL by the standard, so that no URL parser serves. No message repeats
 * what was given: where a password holds an unencoded character, any part may be a piece of it.
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
    throw invalid('names several hosts; say redis+sentinel:// or redis+cluster://');
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

/** `user:password`, or a password alone. Only the first colon divides. */
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
 * The suite's Redis client. Commands never queue while Redis is away and never wait longer than the command timeout:
 * whoever uses Redis has a rule for its absence, and a queue would only turn an outage into a memory leak.
 *
 * @throws TypeError when the URL is none
 */
export function createRedisClient(options: RedisModuleOptions & { url: string }): RedisClient {
  const address = parseRedisUrl(options.url);
  const commandTimeout = options.commandTimeoutMs ?? 200;
  const common: RedisOptions = {
    username: address.username,
    password: address.password,
    enableOfflineQueue: false,
    // Whoever subscribes does so at each 'ready'. ioredis would do it once more, and where the connection ends in that moment
    // leave the failure to nobody: an unhandled rejection, which ends the process.
    autoResubscribe: false,
    commandTimeout,
    // A host that went away without a word is given up here; TCP alone would hold on to it for a quarter of an hour.
    socketTimeout: commandTimeout * 10,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    // A master that became a replica keeps its connections; a new one leads to the new master.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  const client = logged(bearing(build(address, common)));
  // Redis being away is no reason not to start; the client goes on trying in the background.
  client.connect().catch(() => undefined);
  return client;
}

/**
 * ioredis listens for one error of a connection. TLS can report another, such as an alert of the server after its
 * certificate was refused, and an error that nobody listens for ends the process. So each connection gets a listener when
 * it is made; those of copies and of the nodes of a cluster, too.
 */
function bearing<T extends RedisClient>(client: T): T {
  if (client instanceof Redis) {
    const { connector } = client as unknown as { connector: AbstractConnector };
    const connect = connector.connect.bind(connector);
    connector.connect = async (report) => (await connect(report)).on('error', () => undefined);
  } else {
    client.on('+node', (node: Redis) => void bearing(node));
  }
  const duplicate = client.duplicate.bind(client) as (...overrides: unknown[]) => T;
  return Object.assign(client, { duplicate: (...overrides: unknown[]) => bearing(duplicate(...overrides)) });
}

/** Resolves when the first attempt to connect has ended, well or ill, or takes too long, as while Redis loads its data. */
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
      // Without it a Sentinel that hangs would stop the search for the master for good.
      sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
      ...(tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
    });
  }
  const [{ host, port } = { host: 'localhost', port: DEFAULT_PORTS.single }] = hosts;
  // Node sends no server name by itself, and shared endpoints choose their certificate by it.
  const tlsOptions = tls && { tls: isIP(host) ? {} : { servername: host } };
  return reconnecting({ ...common, retryStrategy, host, port, db, ...tlsOptions });
}

/**
 * A client whose socket timeout ends with its socket. ioredis lets the timer run on, and it would then end the next
 * connection, which is healthy.
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

/** One line when Redis goes away and one when it is back, not one per retry. */
function logged(client: RedisClient): RedisClient {
  const logger = new Logger('Redis');
  let isDown = false;
  const goesDown = (reason: string) => {
    if (!isDown) logger.warn(`Redis is not reachable: ${reason}`);
    isDown = true;
  };
  client.on('error', (error: NodeJS.ErrnoException) => goesDown(error.message || error.code || error.name));
  // A server that ends closes its connections without an error.
  client.on('reconnecting', () => goesDown('the connection was closed'));
  client.on('ready', () => {
    if (isDown) logger.log('Redis is reachable again');
    isDown = false;
  });
  return client;
}
