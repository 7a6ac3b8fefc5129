import { randomBytes } from 'node:crypto';
import {
  EVERYTHING,
  InvalidationChannel,
  RedisTransport,
  type InvalidationHandler,
  type InvalidationKey,
} from '../invalidation/index.js';
import { UNAVAILABLE, type RedisTier } from './redis.tier.js';

interface KnownVersion {
  readonly version: string;
  /** When it was read, monotonic, in milliseconds. */
  readonly readAt: number;
}

const MAX_KNOWN = 10_000;
const MAX_PENDING = 10_000;
const TAG_TTL_MS = 7 * 86_400_000;
/** How long a version is used without reading it again. A message ends that at once. */
const SUBSCRIBED_TTL_MS = 5_000;
const DISCONNECTED_TTL_MS = 250;

/**
 * The version of each tag. An entry stores the versions that its tags had when its load began, and is valid while these
 * versions are current. So an entry that was loaded before an invalidation is never valid after it, however long the load
 * took. Redis holds the versions for all replicas. A message to the replicas says that a version has changed; because a
 * message can be lost, each version is also read again after a short time.
 *
 * A version is random and never used twice. If Redis loses a version, the tag gets a new one, which invalidates entries
 * and never makes an old entry valid again.
 *
 * While an invalidation is pending, this replica uses a version of its own, which is never stored in Redis. Entries that it
 * loads meanwhile become invalid when the invalidation is published, because other replicas may have invalidated them
 * in the same time.
 */
export class TagVersions implements InvalidationHandler {
  private readonly known = new Map<string, KnownVersion>();
  private readonly channel: InvalidationChannel | undefined;
  /** Counts changes. A version that was read while it changed is not kept. */
  private generation = 0;

  constructor(
    private readonly redis: RedisTier | undefined,
    options: { readonly keyPrefix: string; readonly timeoutMs: number },
  ) {
    if (!redis) return;
    const { keyPrefix, timeoutMs } = options;
    const transport = new RedisTransport(redis.client, { channel: `${keyPrefix}invalidated`, timeoutMs });
    this.channel = new InvalidationChannel(transport, this, {
      maxSilenceMs: SUBSCRIBED_TTL_MS,
      maxPendingMessages: MAX_PENDING,
    });
  }

  /** Subscribes to invalidations by other replicas, over a connection of its own. */
  subscribe(): void {
    void this.channel?.open();
  }

  stop(): void {
    void this.channel?.close();
  }

  /** Returns the versions of the tags in their order, without a promise where all are known. */
  current(tags: readonly string[]): readonly string[] | Promise<readonly string[]> {
    const versions: string[] = [];
    for (const tag of tags) {
      const version = this.usableVersion(tag);
      if (version === undefined)
        return Promise.all(tags.map(async (each) => this.usableVersion(each) ?? this.read(each)));
      versions.push(version);
    }
    return versions;
  }

  /** Invalidates every entry that has one of the tags, on all replicas. */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    await Promise.all(tags.map((tag) => this.invalidateTag(tag)));
  }

  /** Publishes the invalidations that are pending. */
  async publishPending(): Promise<void> {
    await this.channel?.publishPending();
  }

  /** Invalidations that have not been published to the other replicas yet. */
  get pendingInvalidations(): number {
    return this.channel?.pendingMessages ?? 0;
  }

  /** Changes the shared versions, and then sends the message. */
  async publish(tag: InvalidationKey, publish: () => Promise<unknown>): Promise<void> {
    const isChanged = tag === EVERYTHING ? await this.deleteVersions() : await this.replaceVersion(tag);
    if (!isChanged) throw new Error('Redis does not take the invalidation.');
    // Without the message the other replicas read the new version a little later.
    await publish().catch(() => undefined);
  }

  /** The version of this replica is no longer used; the next read gets the shared one. */
  onPublished(tag: InvalidationKey): void {
    if (tag === EVERYTHING) this.invalidateAll();
    else this.invalidate(tag);
  }

  invalidate(tag: string): void {
    this.generation++;
    this.known.delete(tag);
  }

  invalidateAll(): void {
    this.generation++;
    // Known versions are used on while Redis is not available; after that all are read again.
    for (const [tag, { version }] of this.known) this.known.set(tag, { version, readAt: Number.NEGATIVE_INFINITY });
  }

  private async invalidateTag(tag: string): Promise<void> {
    this.generation++;
    this.remember(tag, newVersion());
    await this.channel?.send(tag);
  }

  /** The version that serves without reading it from Redis. */
  private usableVersion(tag: string): string | undefined {
    if (!this.redis || this.channel?.isPending(tag)) return this.localVersion(tag);
    const known = this.known.get(tag);
    if (known === undefined || this.redis.isDown) return known?.version;
    const ttlMs = this.channel?.isSubscribed ? SUBSCRIBED_TTL_MS : DISCONNECTED_TTL_MS;
    return performance.now() - known.readAt < ttlMs ? known.version : undefined;
  }

  /** The last known version, or a new one, which only entries of this process have. */
  private localVersion(tag: string): string {
    return this.known.get(tag)?.version ?? this.remember(tag, newVersion());
  }

  private async read(tag: string): Promise<string> {
    const { generation } = this;
    const version = await this.readShared(tag);
    if (version === undefined || this.channel?.isPending(tag)) return this.localVersion(tag);
    return generation === this.generation ? this.remember(tag, version) : version;
  }

  private async readShared(tag: string): Promise<string | undefined> {
    if (!this.redis) return undefined;
    const key = `tag:${tag}`;
    const found = await this.redis.get(key);
    if (found === UNAVAILABLE) return undefined;
    if (found !== null) return found;
    const version = newVersion();
    const isSet = await this.redis.setIfMissing(key, version, TAG_TTL_MS);
    if (isSet === true) return version;
    const other = isSet === false ? await this.redis.get(key) : UNAVAILABLE;
    return other === UNAVAILABLE || other === null ? undefined : other;
  }

  private async replaceVersion(tag: string): Promise<boolean> {
    return (await this.redis?.set(`tag:${tag}`, newVersion(), TAG_TTL_MS)) !== UNAVAILABLE;
  }

  /** A tag without a version gets a new one at the next read, which invalidates all entries that have the tag. */
  private async deleteVersions(): Promise<boolean> {
    return this.redis !== undefined && !this.redis.isDown && (await this.redis.deleteAll('tag:'));
  }

  private remember(tag: string, version: string): string {
    this.known.delete(tag);
    const [oldest] = this.known.size >= MAX_KNOWN ? this.known.keys() : [];
    if (oldest !== undefined) this.known.delete(oldest);
    this.known.set(tag, { version, readAt: performance.now() });
    return version;
  }
}

const PROCESS_ID = randomBytes(9).toString('base64url');
let versionCount = 0;

function newVersion(): string {
  return `${PROCESS_ID}.${++versionCount}`;
}
