export interface PendingMessagesOptions<K> {
  /** Most messages that are kept one by one. */
  readonly maxMessages: number;
  /** The message that replaces all others when there are more. */
  readonly everything: K;
  /** @throws where the message has to be published again */
  publish(message: K): Promise<unknown>;
  /** Called when a message is published and no longer pending. */
  onPublished(message: K): void;
}

/** So many messages are published at the same time. */
const BATCH_SIZE = 10;

/** A bounded queue of messages that are not published yet. Equal messages are one. */
export class PendingMessages<K> {
  /** With the number of the attempt: a message that is added again meanwhile must be published once more. */
  private readonly messages = new Map<K, number>();
  private lastNumber = 0;
  private publishing: Promise<boolean> | undefined;

  constructor(private readonly options: PendingMessagesOptions<K>) {}

  get size(): number {
    const { maxMessages, everything } = this.options;
    return this.messages.has(everything) ? maxMessages + this.messages.size - 1 : this.messages.size;
  }

  has(message: K): boolean {
    return this.messages.has(message) || this.messages.has(this.options.everything);
  }

  /** Publishes a message; it stays in the queue until that succeeds. @returns whether it was published at once */
  add(message: K): Promise<boolean> {
    const number = ++this.lastNumber;
    this.messages.set(message, number);
    if (this.messages.size > this.options.maxMessages) {
      this.messages.clear();
      this.messages.set(this.options.everything, ++this.lastNumber);
    }
    return this.attempt(message, number);
  }

  /** Publishes all that is in the queue, up to the first failure. One run at a time. @returns whether all were published */
  publishAll(): Promise<boolean> {
    if (this.messages.size === 0) return Promise.resolve(true);
    return (this.publishing ??= this.publishBatches().finally(() => (this.publishing = undefined)));
  }

  private async publishBatches(): Promise<boolean> {
    const queued = [...this.messages];
    for (let start = 0; start < queued.length; start += BATCH_SIZE) {
      const batch = queued.slice(start, start + BATCH_SIZE);
      const results = await Promise.all(batch.map(([message, number]) => this.attempt(message, number)));
      if (results.includes(false)) return false;
    }
    return true;
  }

  private async attempt(message: K, number: number): Promise<boolean> {
    try {
      await this.options.publish(message);
    } catch {
      return false;
    }
    if (this.messages.get(message) === number) {
      this.messages.delete(message);
      this.options.onPublished(message);
    }
    return true;
  }
}
