import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { poolOf } from '../../database/index.js';
import type { RedisClient } from '../../redis/index.js';

/** Carries short messages between the replicas, to the sender as well. */
export interface RevocationChannel {
  /** False where messages go out but none can come in. */
  readonly hears: boolean;
  /** @throws whatever the transport fails with */
  publish(message: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Who a channel tells what happens. */
export interface ChannelListener {
  heard(message: string): void;
  /** Messages may have been missed. */
  lost(): void;
}

const CHANNEL = 'bulwark_revocations';
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Over Redis: a connection of its own, since one that listens takes no other commands. */
export function redisChannel(redis: RedisClient, listener: ChannelListener): RevocationChannel {
  const subscriber = redis.duplicate() as RedisClient;
  subscriber.on('error', () => listener.lost());
  subscriber.on('close', () => listener.lost());
  // Subscribes anew at each connection; a subscription that fails shows in missing heartbeats, and so in fresh reads.
  subscriber.on('ready', () => void subscriber.subscribe(CHANNEL).catch(() => listener.lost()));
  subscriber.on('message', (_channel: string, message: string) => listener.heard(message));
  if (subscriber.status === 'wait') subscriber.connect().catch(() => undefined);
  return {
    hears: true,
    publish: (message) => redis.publish(CHANNEL, message),
    close: async () => subscriber.disconnect(),
  };
}

/** Over PostgreSQL: one connection beside the pool that listens, and is opened again when it breaks. */
export class PostgresChannel implements RevocationChannel {
  hears = true;
  /** Resolves when listening has begun, or is tried again in the background. */
  readonly firstAttempt: Promise<void>;
  private readonly logger = new Logger('Auth');
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private isClosed = false;

  constructor(
    private readonly source: DataSource,
    private readonly listener: ChannelListener,
  ) {
    this.firstAttempt = this.connect();
  }

  publish(message: string): Promise<unknown> {
    return this.source.query('SELECT pg_notify($1, $2)', [CHANNEL, message]);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const { options } = poolOf(this.source);
    const { password, application_name: name = 'nest-bulwark' } = options;
    // The pool hides the password from being copied.
    const client = new Client({ ...options, password, application_name: `${name} revocations` });
    this.client = client;
    client.on('error', () => undefined);
    client.on('notification', ({ payload = '' }) => this.listener.heard(payload));
    client.on('end', () => this.reconnect());
    try {
      await client.connect();
      if (await isPooled(client)) return await this.giveUp(client);
      await client.query(`LISTEN ${CHANNEL}`);
      this.pauseMs = FIRST_PAUSE_MS;
    } catch {
      await client.end().catch(() => undefined);
      this.reconnect();
    }
  }

  /** Behind a pooler a connection is lent for one transaction: what listens on it would be somebody else's. */
  private async giveUp(client: Client): Promise<void> {
    this.hears = false;
    this.isClosed = true;
    this.logger.warn(
      'The database stands behind a pooler, which cannot carry revocations between replicas: each session is read ' +
        'once a second instead. Set REDIS_URL to spare these reads',
    );
    await client.end().catch(() => undefined);
  }

  private reconnect(): void {
    this.listener.lost();
    if (this.isClosed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), this.pauseMs).unref();
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** A pooler makes up the process id that it greets with; the server behind it knows another. */
async function isPooled(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid !== (client as unknown as { processID: number }).processID;
}
