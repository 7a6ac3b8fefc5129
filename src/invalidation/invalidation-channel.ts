import { PendingMessages } from './pending-messages.js';
import type { MessageTransport, TransportListener } from './message-transport.js';

/** In place of a key: all keys. */
export const EVERYTHING = Symbol('bulwark.everything');
export type InvalidationKey = string | typeof EVERYTHING;

/** What a replica does with messages. */
export interface InvalidationHandler {
  /** What the key names has changed. Called for each message that comes in, including those of this replica. */
  invalidate(key: string): void;
  /** Anything may have changed: messages may have been missed, or there were too many to publish one by one. */
  invalidateAll(): void;
  /**
   * Publishes one message. A class that keeps shared state besides the messages changes that state first.
   *
   * @param publish sends the message
   * @throws where the message has to be published again
   * @default calls `publish`
   */
  publish?(key: InvalidationKey, publish: () => Promise<unknown>): Promise<unknown>;
  /** Called when a message of this replica is published and no longer pending. */
  onPublished?(key: InvalidationKey): void;
}

export interface InvalidationChannelOptions {
  /** Time without a message or heartbeat after which the subscription counts as lost, in milliseconds. */
  readonly maxSilenceMs: number;
  /** Most messages that wait to be published. Beyond that, one message that invalidates everything replaces them. */
  readonly maxPendingMessages: number;
}

/** Interval of heartbeats, and of new attempts to publish pending messages. */
const INTERVAL_MS = 300;
/** Heartbeats that the server accepted and did not deliver, after which the connection is replaced. */
const MAX_LOST_HEARTBEATS = 10;
const HEARTBEAT_MESSAGE = 'heartbeat';
const EVERYTHING_MESSAGE = 'everything';
const KEY_PREFIX = 'key:';

/**
 * Tells the other replicas that something which they remember has changed. A message that could not be published is
 * published again every 300 ms. Heartbeats show whether messages come in.
 */
export class InvalidationChannel implements TransportListener {
  private readonly pending: PendingMessages<InvalidationKey>;
  private timer: NodeJS.Timeout | undefined;
  /** When a message came in last, monotonic, in milliseconds. */
  private lastReceivedAt = -Infinity;
  private lostHeartbeats = 0;
  private isBeating = false;

  constructor(
    private readonly transport: MessageTransport,
    private readonly handler: InvalidationHandler,
    private readonly options: InvalidationChannelOptions,
  ) {
    this.pending = new PendingMessages({
      maxMessages: options.maxPendingMessages,
      everything: EVERYTHING,
      publish: (key) => this.publish(key),
      onPublished: (key) => this.handler.onPublished?.(key),
    });
  }

  /** Subscribes. Resolves when the first attempt has ended, or earlier. A failed attempt is repeated in the background. */
  open(): Promise<void> {
    this.timer = setInterval(() => void this.beat(), INTERVAL_MS).unref();
    return this.transport.subscribe(this);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.onDisconnected();
    await this.transport.close();
  }

  /** False where messages can be published but not received. */
  get canReceive(): boolean {
    return this.transport.canReceive;
  }

  /** Whether messages of other replicas come in. */
  get isSubscribed(): boolean {
    return performance.now() - this.lastReceivedAt <= this.options.maxSilenceMs;
  }

  /** Messages that the transport has not accepted yet. */
  get pendingMessages(): number {
    return this.pending.size;
  }

  /** Whether a message about this key has not been published yet. */
  isPending(key: string): boolean {
    return this.pending.has(key);
  }

  /** Publishes a message now, or as soon as the transport accepts it. @returns whether it was published now */
  send(key: string): Promise<boolean> {
    return this.pending.add(key);
  }

  /** Publishes the pending messages. @returns whether all were published */
  publishPending(): Promise<boolean> {
    return this.pending.publishAll();
  }

  onSubscribed(): void {
    this.handler.invalidateAll();
    this.lastReceivedAt = performance.now();
  }

  onMessage(message: string): void {
    if (!this.isSubscribed) this.handler.invalidateAll();
    this.lastReceivedAt = performance.now();
    this.lostHeartbeats = 0;
    if (message === EVERYTHING_MESSAGE) this.handler.invalidateAll();
    else if (message.startsWith(KEY_PREFIX)) this.handler.invalidate(message.slice(KEY_PREFIX.length));
  }

  onDisconnected(): void {
    this.lastReceivedAt = -Infinity;
  }

  private publish(key: InvalidationKey): Promise<unknown> {
    const publish = () => this.transport.publish(key === EVERYTHING ? EVERYTHING_MESSAGE : KEY_PREFIX + key);
    return this.handler.publish ? this.handler.publish(key, publish) : publish();
  }

  /** All replicas receive each heartbeat, so a replica publishes one only if none came in during the last interval. */
  private async beat(): Promise<void> {
    if (this.isBeating) return;
    this.isBeating = true;
    try {
      if (!(await this.publishPending())) return;
      const isSilent = performance.now() - this.lastReceivedAt >= INTERVAL_MS;
      if (!isSilent || !this.canReceive) return;
      await this.transport.publish(HEARTBEAT_MESSAGE);
      if (++this.lostHeartbeats > MAX_LOST_HEARTBEATS) {
        this.lostHeartbeats = 0;
        this.transport.reconnect();
      }
    } catch {
      // The next heartbeat tries again.
    } finally {
      this.isBeating = false;
    }
  }
}
