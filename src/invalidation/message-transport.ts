/** Carries short messages to all replicas that use the same server, to the sender as well. */
export interface MessageTransport {
  /** False where messages can be published but not received. */
  readonly canReceive: boolean;
  /** Subscribes, and again after each loss of the connection. Resolves when the first attempt has ended, or earlier. */
  subscribe(listener: TransportListener): Promise<void>;
  /**
   * Publishes a message. Settles within a time limit.
   *
   * @throws whatever the server or the time limit fails with
   */
  publish(message: string): Promise<unknown>;
  /** Replaces the connection of the subscription. */
  reconnect(): void;
  close(): Promise<void>;
}

/** Receives what a transport delivers. */
export interface TransportListener {
  /** Messages that are published from now on are delivered. */
  onSubscribed(): void;
  onMessage(message: string): void;
  /** Messages may be missed from now on. */
  onDisconnected(): void;
}
