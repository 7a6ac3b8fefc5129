import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { outsideTransaction, poolOf } from '../../database/index.js';
import type { RedisClient } from '../../redis/index.js';

/** Carries short messages to all replicas, to the sender as well. */
export interface RevocationChannel {
  /** False where messages go out but none can come in. */
  readonly isSubscribed: boolean;
  /** Resolves when the first attempt to subscribe has ended; after a failure others follow in the background. */
  readonly firstAttempt: Promise<void>;
  /** @throws whatever the transport fails with */
  publish(message: string): Promise<unknown>;
  /** Replaces a connection that takes messages and delivers none. */
  reconnect(): void;
  close(): Promise<void>;
}

/** Receives what a channel delivers. */
export interface ChannelListener {
  received(message: string): void;
  /** Messages may have been missed. */
  disconnected(): void;
}

const CHANNEL = 'bulwark_revocations';
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;

/** Over Redis, on a connection of its own, since a connection that is subscribed takes no other commands. */
export function redisChannel(redis: RedisClient, listener: ChannelListener): RevocationChannel {
  const subscriber = redis.duplicate() as RedisClient;
  subscriber.on('error', () => listener.disconnected());
  subscriber.on('close', () => listener.disconnected());
  // Each new connection subscribes again. Without a subscription no heartbeat comes in, and nothing is trusted for long.
  subscriber.on('ready', () => void subscriber.subscribe(CHANNEL).catch(() => listener.disconnected()));
  subscriber.on('message', (_channel: string, message: string) => listener.received(message));
  if (subscriber.status === 'wait') subscriber.connect().catch(() => undefined);
  return {
    isSubscribed: true,
    firstAttempt: Promise.resolve(),
    publish: (message) => redis.publish(CHANNEL, message),
    // The client closes a silent connection by itself (`socketTimeout`).
    reconnect: () => undefined,
    close: async () => subscriber.disconnect(),
  };
}

/** Over PostgreSQL `LISTEN`/`NOTIFY`: one connection beside the pool listens, and is opened again when it breaks. */
export class PostgresChannel implements RevocationChannel {
  isSubscribed = true;
  readonly firstAttempt: Promise<void>;
  private readonly logger = new Logger('Auth');
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private isClosed = false;

  /** @param pooledAdvice what follows for the application where a pooler keeps this channel from working */
  constructor(
    private readonly source: DataSource,
    private readonly listener: ChannelListener,
    private readonly pooledAdvice: string,
  ) {
    this.firstAttempt = this.connect();
  }

  publish(message: string): Promise<unknown> {
    return outsideTransaction(() => this.source.query('SELECT pg_notify($1, $2)', [CHANNEL, message]));
  }

  reconnect(): void {
    const { connection } = (this.client ?? {}) as { connection?: { stream: { destroy(): void } } };
    connection?.stream.destroy();
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
    client.on('notification', ({ payload = '' }) => this.listener.received(payload));
    client.on('end', () => this.reconnectLater());
    try {
      await client.connect();
      if (await isPooled(client)) return await this.giveUp(client);
      await client.query(`LISTEN ${CHANNEL}`);
      this.pauseMs = FIRST_PAUSE_MS;
    } catch {
      await client.end().catch(() => undefined);
      this.reconnectLater();
    }
  }

  /** A pooler lends a connection for one transaction: what listens on it would soon be somebody else's. */
  private async giveUp(client: Client): Promise<void> {
    this.isSubscribed = false;
    this.isClosed = true;
    this.logger.warn(
      `The database stands behind a pooler, which cannot carry revocations between replicas: ${this.pooledAdvice}`,
    );
    await client.end().catch(() => undefined);
  }

  private reconnectLater(): void {
    this.listener.disconnected();
    if (this.isClosed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), this.pauseMs).unref();
    this.pauseMs = Math.min(this.pauseMs * 2, MAX_PAUSE_MS);
  }
}

/** A pooler makes up the process id that it greets with; the server behind it has another. */
async function isPooled(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid !== (client as unknown as { processID: number }).processID;
}
