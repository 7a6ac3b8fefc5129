import { withTimeLimit } from '../../common/index.js';
import type { ChannelListener, RevocationChannel } from './revocation-channel.js';
import { DISCONNECTED_TTL_MS } from './session-states.js';

const HEARTBEAT = 'heartbeat';
const HEARTBEAT_MS = 300;
const PUBLISH_TIMEOUT_MS = 1_000;
const MAX_PENDING_MESSAGES = 1_000;
/** Heartbeats that the server took and did not deliver, after which the connection is replaced. */
const MAX_LOST_HEARTBEATS = 10;

/** Tells a replica that everything it remembers may have changed. */
export const EVERYTHING = 'everything';

/** What a replica does with the messages of others. */
export interface RevocationReceiver {
  receive(message: string): void;
  /** Messages may have been missed. */
  forgetAll(): void;
}

/**
 * One way to the other replicas: a channel, the heartbeat that shows whether it delivers, and the messages that it has not
 * taken yet. These are published again every 300 ms.
 */
export class RevocationLink implements ChannelListener {
  private readonly channel: RevocationChannel;
  private readonly heartbeat: NodeJS.Timeout;
  private readonly pendingMessages = new Set<string>();
  private lastReceivedAt = -Infinity;
  private lostHeartbeats = 0;
  private isBeating = false;

  constructor(
    private readonly receiver: RevocationReceiver,
    open: (listener: ChannelListener) => RevocationChannel,
  ) {
    this.channel = open(this);
    this.heartbeat = setInterval(() => void this.beat(), HEARTBEAT_MS).unref();
  }

  /** False where messages go out but none can come in. */
  get isSubscribed(): boolean {
    return this.channel.isSubscribed;
  }

  /** Resolves when the first attempt to subscribe has ended. */
  get firstAttempt(): Promise<void> {
    return this.channel.firstAttempt;
  }

  /** Whether messages of other replicas are coming in. */
  isConnected(now: number): boolean {
    return now - this.lastReceivedAt <= DISCONNECTED_TTL_MS;
  }

  /** Publishes a message, now or as soon as the channel takes it. @returns whether the channel took it now */
  async send(message: string): Promise<boolean> {
    try {
      await this.publish(message);
      return true;
    } catch {
      this.pendingMessages.add(message);
      if (this.pendingMessages.size > MAX_PENDING_MESSAGES) {
        this.pendingMessages.clear();
        this.pendingMessages.add(EVERYTHING);
      }
      return false;
    }
  }

  received(message: string): void {
    const now = performance.now();
    if (!this.isConnected(now)) this.receiver.forgetAll();
    this.lastReceivedAt = now;
    this.lostHeartbeats = 0;
    if (message !== HEARTBEAT) this.receiver.receive(message);
  }

  disconnected(): void {
    this.lastReceivedAt = -Infinity;
  }

  async close(): Promise<void> {
    clearInterval(this.heartbeat);
    this.disconnected();
    await this.channel.close();
  }

  private publish(message: string): Promise<unknown> {
    return withTimeLimit(this.channel.publish(message), PUBLISH_TIMEOUT_MS);
  }

  /** All replicas receive each heartbeat, so a replica publishes one only where no other has done so lately. */
  private async beat(): Promise<void> {
    if (this.isBeating) return;
    this.isBeating = true;
    try {
      await this.sendPending();
      const isSilent = performance.now() - this.lastReceivedAt >= HEARTBEAT_MS;
      if (!isSilent || !this.isSubscribed) return;
      await this.publish(HEARTBEAT);
      if (++this.lostHeartbeats > MAX_LOST_HEARTBEATS) {
        this.lostHeartbeats = 0;
        this.channel.reconnect();
      }
    } catch {
      // The next beat tries again.
    } finally {
      this.isBeating = false;
    }
  }

  private async sendPending(): Promise<void> {
    for (const message of this.pendingMessages) {
      // Before it is published: the same message of a later change must be published once more.
      this.pendingMessages.delete(message);
      if (!(await this.send(message))) throw new Error('the channel takes no messages');
    }
  }
}
