import { withTimeLimit } from '../common/index.js';
import type { MessageTransport, TransportListener } from './message-transport.js';

/** What a client of ioredis needs to have, for one server or a cluster. */
export interface PubSubRedis {
  publish(channel: string, message: string): Promise<unknown>;
  duplicate(): unknown;
}

/** A copy of the client that only subscribes. */
interface Subscriber {
  readonly status: string;
  on(event: string, listener: (...args: string[]) => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

export interface RedisTransportOptions {
  readonly channel: string;
  /** Longest wait for the answer to one `PUBLISH`, in milliseconds. */
  readonly timeoutMs: number;
}

/** Over Redis, on a second connection, because a connection that has subscribed accepts no other commands. */
export class RedisTransport implements MessageTransport {
  readonly canReceive = true;
  private subscriber: Subscriber | undefined;

  constructor(
    private readonly redis: PubSubRedis,
    private readonly options: RedisTransportOptions,
  ) {}

  /** Does not wait for the connection: an application starts without Redis, too. */
  subscribe(listener: TransportListener): Promise<void> {
    const subscriber = this.redis.duplicate() as Subscriber;
    const onDisconnected = () => listener.onDisconnected();
    subscriber.on('error', onDisconnected);
    subscriber.on('close', onDisconnected);
    // Each new connection has to subscribe again: the client does not do it by itself (`autoResubscribe`).
    subscriber.on('ready', () => {
      subscriber.subscribe(this.options.channel).then(() => listener.onSubscribed(), onDisconnected);
    });
    subscriber.on('message', (_channel, message) => listener.onMessage(message));
    if (subscriber.status === 'wait') subscriber.connect().catch(() => undefined);
    this.subscriber = subscriber;
    return Promise.resolve();
  }

  publish(message: string): Promise<unknown> {
    return withTimeLimit(this.redis.publish(this.options.channel, message), this.options.timeoutMs);
  }

  reconnect(): void {
    this.subscriber?.disconnect(true);
  }

  close(): Promise<void> {
    this.subscriber?.disconnect();
    return Promise.resolve();
  }
}
