import { randomBytes } from 'node:crypto';
import { UNAVAILABLE, type RedisTier } from './redis.tier.js';

interface Known {
  readonly version: string;
  /** When it was read, monotonic, in milliseconds. */
  readonly readAt: number;
}

const CHANNEL = 'invalidated';
/** In place of a tag: all of them. */
const EVERYTHING = '';
const MAX_KNOWN = 10_000;
const MAX_PENDING = 10_000;
const TAG_LIFE_MS = 7 * 86_400_000;
/** How long a version is taken for current without being read again. A message makes that end at once. */
const TRUST_MS = { listening: 5_000, deaf: 250 };

/**
 * The version of each tag. An entry remembers the versions of the moment in which its load began, and is good while they
 * are current: so what was loaded before an invalidation is never taken for what came after it, however long the load
 * took. Redis holds the versions for all replicas; messages tell that one has changed, and where a message is lost, the
 * version is read again after a while.
 *
 * A version is random and never used twice: a tag that Redis forgot gets a new one, which makes entries old, not young.
 */
export class TagVersions {
  private readonly known = new Map<string, Known>();
  /** Invalidations that Redis has not taken yet. */
  private readonly pending = new Map<string, string>();
  /** Whether there were more of them than are worth to be told one by one. */
  private isEverythingPending = false;
  /** Counts what was heard: an answer that was under way meanwhile is not remembered. */
  private generation = 0;
  private isListening = false;
  private subscriber: Subscriber | undefined;
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: RedisTier | undefined,
    private readonly options: { readonly keyPrefix: string; readonly probeIntervalMs: number },
  ) {}

  /** Hears of invalidations by other replicas, over a connection of its own. */
  listen(): void {
    if (!this.redis) return;
    const subscriber = this.redis.redis.duplicate() as Subscriber;
    const deaf = () => {
      this.isListening = false;
    };
    subscriber.on('error', deaf);
    subscriber.on('close', deaf);
    subscriber.on('ready', () => {
      subscriber.subscribe(this.options.keyPrefix + CHANNEL).then(() => {
        // Messages may have been missed.
        this.forgetAll();
        this.isListening = true;
      }, deaf);
    });
    subscriber.on('message', (_channel, tag) => (tag === EVERYTHING ? this.forgetAll() : this.forget(tag)));
    if (subscriber.status === 'wait') subscriber.connect().catch(() => undefined);
    this.subscriber = subscriber;
  }

  stop(): void {
    clearTimeout(this.retry);
    this.subscriber?.disconnect();
  }

  /** Versions of the tags, in their order; at once where all are known. */
  current(tags: readonly string[]): readonly string[] | Promise<readonly string[]> {
    const versions: string[] = [];
    for (const tag of tags) {
      const version = this.trusted(tag);
      if (version === undefined) return Promise.all(tags.map(async (each) => this.trusted(each) ?? this.read(each)));
      versions.push(version);
    }
    return versions;
  }

  /** Makes every entry with one of the tags old, on all replicas. */
  async invalidate(tags: readonly string[]): Promise<void> {
    await Promise.all(tags.map((tag) => this.renew(tag)));
  }

  /** Tells Redis what it missed. */
  async catchUp(): Promise<void> {
    clearTimeout(this.retry);
    if (this.isEverythingPending) await this.publishEverything();
    await Promise.all([...this.pending].map(([tag, version]) => this.publish(tag, version)));
    if (this.pendingInvalidations > 0) this.catchUpLater();
  }

  /** Invalidations that other replicas have not been told of yet. */
  get pendingInvalidations(): number {
    return this.pending.size + (this.isEverythingPending ? MAX_PENDING : 0);
  }

  private trusted(tag: string): string | undefined {
    const ours = this.pending.get(tag);
    if (ours !== undefined) return ours;
    const known = this.known.get(tag);
    if (known === undefined) return this.redis ? undefined : this.remember(tag, newVersion());
    if (!this.redis || this.redis.isDown) return known.version;
    const trustMs = this.isListening ? TRUST_MS.listening : TRUST_MS.deaf;
    return performance.now() - known.readAt < trustMs ? known.version : undefined;
  }

  private async read(tag: string): Promise<string> {
    const { generation } = this;
    const version = await this.readShared(tag);
    const ours = this.pending.get(tag);
    if (ours !== undefined) return ours;
    // While Redis is away the last known version goes on; entries of a made-up one are good for this process alone.
    if (version === undefined) return this.known.get(tag)?.version ?? this.remember(tag, newVersion());
    return generation === this.generation ? this.remember(tag, version) : version;
  }

  private async readShared(tag: string): Promise<string | undefined> {
    if (!this.redis) return undefined;
    const key = `tag:${tag}`;
    const found = await this.redis.get(key);
    if (found === UNAVAILABLE) return undefined;
    if (found !== null) return found;
    const version = newVersion();
    const isSet = await this.redis.setIfMissing(key, version, TAG_LIFE_MS);
    if (isSet === true) return version;
    const theirs = isSet === false ? await this.redis.get(key) : UNAVAILABLE;
    return theirs === UNAVAILABLE || theirs === null ? undefined : theirs;
  }

  private async renew(tag: string): Promise<void> {
    const version = newVersion();
    this.generation++;
    if (!this.redis) {
      this.remember(tag, version);
      return;
    }
    this.pending.set(tag, version);
    this.known.delete(tag);
    if (this.pending.size > MAX_PENDING) {
      this.pending.clear();
      this.isEverythingPending = true;
    }
    await this.publish(tag, version);
    const isUntold = this.pending.has(tag) || this.isEverythingPending;
    if (isUntold && !this.redis.isDown) this.catchUpLater();
  }

  private catchUpLater(): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.catchUp(), this.options.probeIntervalMs).unref();
  }

  /** A tag without a version gets a new one from whoever asks next, which makes every entry that has it old. */
  private async publishEverything(): Promise<void> {
    // Before it is done, so that what is too much meanwhile is not taken for told.
    this.isEverythingPending = false;
    const isDone =
      (await this.redis?.removeAll('tag:')) && (await this.redis?.publish(CHANNEL, EVERYTHING)) !== UNAVAILABLE;
    if (isDone) this.forgetAll();
    else this.isEverythingPending = true;
  }

  private async publish(tag: string, version: string): Promise<void> {
    if (!this.redis) return;
    const isSet = await this.redis.set(`tag:${tag}`, version, TAG_LIFE_MS);
    if (isSet === UNAVAILABLE) return;
    await this.redis.publish(CHANNEL, tag);
    if (this.pending.get(tag) !== version) return;
    this.pending.delete(tag);
    this.generation++;
  }

  private remember(tag: string, version: string): string {
    this.known.delete(tag);
    const [oldest] = this.known.size >= MAX_KNOWN ? this.known.keys() : [];
    if (oldest !== undefined) this.known.delete(oldest);
    this.known.set(tag, { version, readAt: performance.now() });
    return version;
  }

  private forget(tag: string): void {
    this.generation++;
    this.known.delete(tag);
  }

  private forgetAll(): void {
    this.generation++;
    // While Redis is away what is known stays in use; back again, everything is read anew.
    for (const [tag, { version }] of this.known) this.known.set(tag, { version, readAt: Number.NEGATIVE_INFINITY });
  }
}

/** What a client of ioredis that listens is asked for. */
interface Subscriber {
  readonly status: string;
  on(event: string, listener: (...args: string[]) => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
}

const PROCESS = randomBytes(9).toString('base64url');
let versions = 0;

function newVersion(): string {
  return `${PROCESS}.${++versions}`;
}
