import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { withTimeLimit } from '../../common/index.js';
import { DatabaseClient, outsideTransaction, poolOf } from '../../database/index.js';
import type { MessageTransport, TransportListener } from '../../invalidation/index.js';

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;

export interface PostgresTransportOptions {
  /** Name of the channel, which needs no quotes in SQL. */
  readonly channel: string;
  /** Longest wait for one `NOTIFY`, in milliseconds. */
  readonly timeoutMs: number;
  /** What follows for the application where a pooler makes it impossible to receive messages. */
  readonly poolerAdvice: string;
}

/** Over PostgreSQL `LISTEN`/`NOTIFY`. One connection beside the pool listens; a new one replaces it when it breaks. */
export class PostgresTransport implements MessageTransport {
  canReceive = true;
  private readonly logger = new Logger('Auth');
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private isClosed = false;

  constructor(
    private readonly source: DataSource,
    private readonly options: PostgresTransportOptions,
  ) {}

  /** Resolves when the first attempt has ended. */
  async subscribe(listener: TransportListener): Promise<void> {
    const { options } = poolOf(this.source);
    const { password, application_name: name = 'nest-bulwark' } = options;
    // The password is not enumerable in the options of the pool, so the spread does not copy it.
    const client = new DatabaseClient({ ...options, password, application_name: `${name} revocations` });
    this.client = client;
    client.on('notification', ({ payload = '' }) => listener.onMessage(payload));
    client.on('end', () => this.subscribeLater(listener));
    try {
      await client.connect();
      if (await isPooled(client)) return await this.giveUp(client);
      await client.query(`LISTEN ${this.options.channel}`);
      this.pauseMs = FIRST_PAUSE_MS;
      listener.onSubscribed();
    } catch {
      await client.end().catch(() => undefined);
      this.subscribeLater(listener);
    }
  }

  publish(message: string): Promise<unknown> {
    const { channel, timeoutMs } = this.options;
    const notify = () => this.source.query('SELECT pg_notify($1, $2)', [channel, message]);
    return withTimeLimit(outsideTransaction(notify), timeoutMs);
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

  /** A pooler lends a server connection for one transaction, so a subscription on it would not last. */
  private async giveUp(client: Client): Promise<void> {
    this.canReceive = false;
    this.isClosed = true;
    this.logger.warn(
      `The database stands behind a pooler, which cannot carry revocations between replicas: ${this.options.poolerAdvice}`,
    );
    await client.end().catch(() => undefined);
  }

  private subscribeLater(listener: TransportListener): void {
    listener.onDisconnected();
    if (this.isClosed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.subscribe(listener), this.pauseMs).unref();
    this.pauseMs = Math.min(this.pauseMs * 2, MAX_PAUSE_MS);
  }
}

/** A pooler invents the process id of its greeting; the server behind it has another one. */
async function isPooled(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid !== (client as unknown as { processID: number }).processID;
}
