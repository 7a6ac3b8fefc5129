import { Inject, Injectable, Logger, Optional, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InjectModuleDataSource } from '../../database/index.js';
import { ProblemException } from '../../problem/index.js';
import { InvalidationChannel, RedisTransport, type InvalidationHandler } from '../../invalidation/index.js';
import { Metrics, NoMetrics, REDIS, TenantDirectory, type Memberships } from '../../ports/index.js';
import type { RedisClient } from '../../redis/index.js';
import { normalizeUserId, UserStore } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { PostgresTransport } from './postgres.transport.js';
import { DISCONNECTED_TTL_MS, StateCache, type CachedState, type SessionState } from './session-states.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const POOLER_ALONE = 'each session is read once a second instead. Set REDIS_URL to avoid these reads';
const POOLER_WITH_REDIS =
  'only Redis carries them. A replica that cannot reach Redis publishes its revocations later, and the other replicas ' +
  'may accept an ended session for up to 30 seconds. To close this gap, let DATABASE_URL lead to PostgreSQL itself';
const TRANSPORT = { channel: 'bulwark_revocations', timeoutMs: 1_000 };
const CHANNEL = { maxSilenceMs: DISCONNECTED_TTL_MS, maxPendingMessages: 1_000 };

interface SessionRow {
  user_id: string;
  expires_at: Date;
}

/**
 * Caches the states of sessions in memory, and publishes a message to the other replicas when a state changes. Messages
 * go over PostgreSQL and, where there is Redis, over Redis as well. A replica that cannot reach Redis still reaches the
 * others over PostgreSQL, which it needs to end a session at all. While no messages come in over any channel, a cached
 * state is used for one second at most. A message that could not be published is published again.
 *
 * @publicApi
 */
@Injectable()
export class RevocationService implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Auth');
  private readonly states: StateCache;
  private readonly otherStates = new Map<string, Pick<StateCache, 'delete' | 'deleteOfUser' | 'clear'>>();
  private readonly channels: InvalidationChannel[] = [];

  /** @internal */
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    private readonly users: UserStore,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() @Inject(REDIS) private readonly redis?: RedisClient,
    @Optional() private readonly directory?: TenantDirectory,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.states = new StateCache({
      size: settings.sessionCacheSize,
      load: (sessionId) => this.load(sessionId),
      isSubscribed: () => this.isSubscribed,
    });
    metrics.gauge(
      { name: 'auth_pending_revocations', help: 'Messages to other replicas that are not published yet.' },
      () => this.channels.reduce((sum, { pendingMessages }) => sum + pendingMessages, 0),
    );
  }

  async onModuleInit(): Promise<void> {
    if (this.settings.sessionCheck === 'off') return;
    const { redis, source } = this;
    const handler: InvalidationHandler = {
      invalidate: (key) => this.invalidate(key),
      invalidateAll: () => this.invalidateAll(),
    };
    if (redis) this.channels.push(new InvalidationChannel(new RedisTransport(redis, TRANSPORT), handler, CHANNEL));
    const poolerAdvice = redis ? POOLER_WITH_REDIS : POOLER_ALONE;
    const postgres = new PostgresTransport(source, { ...TRANSPORT, poolerAdvice });
    this.channels.push(new InvalidationChannel(postgres, handler, CHANNEL));
    await Promise.all(this.channels.map((channel) => channel.open()));
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.channels.splice(0).map((channel) => channel.close()));
  }

  /**
   * Returns the state of a session, or null if the session has ended.
   *
   * @throws ProblemException `SERVICE_UNAVAILABLE` when the state is not cached and the database does not answer
   */
  getSessionState(sessionId: string): SessionState | null | Promise<SessionState | null> {
    return this.states.get(sessionId);
  }

  /** Publishes that a session has ended. Call it after the commit. */
  sessionChanged(given: string): Promise<void> {
    const sessionId = given.toLowerCase();
    this.states.delete(sessionId);
    return this.publish(`session:${sessionId}`);
  }

  /** Publishes that all sessions of a user, or the rights of the user, have changed. Call it after the commit. */
  userChanged(given: string): Promise<void> {
    const userId = normalizeUserId(given);
    this.forgetUser(userId);
    return this.publish(`user:${userId}`);
  }

  /**
   * Creates a cache for states of something else that users own, such as API keys. Published changes of a user remove the
   * user's entries; {@link changed} removes one entry.
   *
   * @param name letters, without a colon
   * @internal
   */
  createStateCache<T extends CachedState>(
    name: string,
    size: number,
    load: (id: string) => Promise<T | null>,
  ): StateCache<T> {
    const states = new StateCache<T>({ size, load, isSubscribed: () => this.isSubscribed });
    this.otherStates.set(name, states);
    return states;
  }

  /** Publishes that a state in the cache of this name has changed. Call it after the commit. @internal */
  changed(name: string, id: string): Promise<void> {
    this.otherStates.get(name)?.delete(id);
    return this.publish(`${name}:${id}`);
  }

  private get isSubscribed(): boolean {
    return this.channels.some((channel) => channel.isSubscribed);
  }

  private forgetUser(userId: string): void {
    this.states.deleteOfUser(userId);
    for (const states of this.otherStates.values()) states.deleteOfUser(userId);
  }

  private invalidateAll(): void {
    this.states.clear();
    for (const states of this.otherStates.values()) states.clear();
  }

  private async publish(key: string): Promise<void> {
    const published = await Promise.all(this.channels.map((channel) => channel.send(key)));
    // A channel that cannot receive reaches no other replica either: they stand behind the same pooler.
    const results = published.filter((_, index) => this.channels[index]?.canReceive);
    if (results.length === 0 || results.includes(true)) return;
    this.logger.warn('A revocation could not be published to the other replicas. It is published again every 300 ms');
  }

  private invalidate(key: string): void {
    // The id of a user can contain a colon.
    const [kind, id] = [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)];
    if (kind === 'session') this.states.delete(id);
    else if (kind === 'user') this.forgetUser(id);
    else this.otherStates.get(kind)?.delete(id);
  }

  /** The tenants of a user. The roles of the account hold in each tenant as well. */
  private async tenantsOf(userId: string, roles: readonly string[]): Promise<Memberships> {
    const memberships = await this.directory?.getMemberships(userId);
    return new Map([...(memberships ?? [])].map(([tenantId, there]) => [tenantId, [...roles, ...there]]));
  }

  private async load(sessionId: string): Promise<SessionState | null> {
    if (!UUID.test(String(sessionId))) return null;
    try {
      const [row] = await this.source.query<SessionRow[]>(
        'SELECT user_id, expires_at FROM auth_sessions WHERE id = $1 AND revoked_at IS NULL AND expires_at > now()',
        [sessionId],
      );
      // No join, because users may be in another store.
      const user = row && (await this.users.findById(row.user_id));
      if (!user || user.lockedAt || user.deactivatedAt) return null;
      const { id: userId, email, roles } = user;
      const tenants = await this.tenantsOf(userId, roles);
      return { userId, email, roles, expiresAtMs: row.expires_at.getTime(), tenants };
    } catch (cause) {
      throw new ProblemException('SERVICE_UNAVAILABLE', 'The session cannot be checked at the moment. Try again.', {
        cause,
        headers: { 'Retry-After': '1' },
      });
    }
  }
}
