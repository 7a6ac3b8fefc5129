import { Inject, Injectable, Logger, Optional, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProblemException } from '../../problem/index.js';
import { REDIS, TenantDirectory, type Memberships } from '../../ports/index.js';
import type { RedisClient } from '../../redis/index.js';
import { UserStore } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { PostgresChannel, redisChannel } from './revocation-channel.js';
import { EVERYTHING, RevocationLink, type RevocationReceiver } from './revocation-link.js';
import { StateCache, type CachedState, type SessionState } from './session-states.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const POOLED_ALONE = 'each session is read once a second instead. Set REDIS_URL to avoid these reads';
const POOLED_WITH_REDIS =
  'Redis alone does. A replica that cannot reach Redis announces its revocations when it can, and the others may accept ' +
  'an ended session for up to 30 seconds. Let DATABASE_URL lead to PostgreSQL itself to close this gap';

interface SessionRow {
  user_id: string;
  expires_at: Date;
}

/**
 * The states of sessions, cached in memory, and the messages by which replicas keep each other's caches true. Messages
 * go over PostgreSQL and, where there is Redis, over Redis as well: a replica that is cut off from Redis still reaches
 * the others, since it needs PostgreSQL to end a session at all. Heartbeats show whether messages come in. While none
 * comes in by any channel, no state serves for more than a second. A message that could not be published is published
 * again until it is.
 *
 * @publicApi
 */
@Injectable()
export class RevocationService implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Auth');
  private readonly states: StateCache;
  private readonly otherStates = new Map<string, Pick<StateCache, 'delete' | 'deleteOfUser' | 'clear'>>();
  private readonly links: RevocationLink[] = [];

  constructor(
    private readonly source: DataSource,
    private readonly users: UserStore,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() @Inject(REDIS) private readonly redis?: RedisClient,
    @Optional() private readonly directory?: TenantDirectory,
  ) {
    this.states = new StateCache({
      size: settings.sessionCacheSize,
      load: (sessionId) => this.load(sessionId),
      isConnected: (now) => this.isConnected(now),
    });
  }

  async onModuleInit(): Promise<void> {
    if (this.settings.sessionCheck === 'off') return;
    const { redis, source } = this;
    const receiver: RevocationReceiver = {
      receive: (message) => this.receive(message),
      forgetAll: () => this.forgetAll(),
    };
    if (redis) this.links.push(new RevocationLink(receiver, (listener) => redisChannel(redis, listener)));
    const advice = redis ? POOLED_WITH_REDIS : POOLED_ALONE;
    this.links.push(new RevocationLink(receiver, (listener) => new PostgresChannel(source, listener, advice)));
    await Promise.all(this.links.map(({ firstAttempt }) => firstAttempt));
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.links.splice(0).map((link) => link.close()));
  }

  /**
   * State of a session; null where it has ended.
   *
   * @throws ProblemException `SERVICE_UNAVAILABLE` when the database, which alone knows, does not answer
   */
  getSessionState(sessionId: string): SessionState | null | Promise<SessionState | null> {
    return this.states.get(sessionId);
  }

  /** Announces that a session has ended. Call it once that is committed. */
  sessionChanged(given: string): Promise<void> {
    const sessionId = given.toLowerCase();
    this.states.delete(sessionId);
    return this.announce(`session:${sessionId}`);
  }

  /** Announces that all sessions of a user, or what the user may do, have changed. Call it once that is committed. */
  userChanged(given: string): Promise<void> {
    // Ids come from URLs in either letter case; those of the states come from the database.
    const userId = given.toLowerCase();
    this.forgetUser(userId);
    return this.announce(`user:${userId}`);
  }

  /**
   * A cache of states of something else that users have, such as keys. Announced changes of users remove its entries, and
   * so do those that {@link changed} announces under the same name.
   *
   * @param name letters, without a colon
   * @internal
   */
  createStateCache<T extends CachedState>(
    name: string,
    size: number,
    load: (id: string) => Promise<T | null>,
  ): StateCache<T> {
    const states = new StateCache<T>({ size, load, isConnected: (now) => this.isConnected(now) });
    this.otherStates.set(name, states);
    return states;
  }

  /** Announces a change of what a {@link createStateCache} holds. Call it once that is committed. @internal */
  changed(name: string, id: string): Promise<void> {
    this.otherStates.get(name)?.delete(id);
    return this.announce(`${name}:${id}`);
  }

  private isConnected(now: number): boolean {
    return this.links.some((link) => link.isConnected(now));
  }

  private forgetUser(userId: string): void {
    this.states.deleteOfUser(userId);
    for (const states of this.otherStates.values()) states.deleteOfUser(userId);
  }

  private forgetAll(): void {
    this.states.clear();
    for (const states of this.otherStates.values()) states.clear();
  }

  private async announce(message: string): Promise<void> {
    const sent = await Promise.all(
      this.links.map(async (link) => ({ isSent: await link.send(message), isSubscribed: link.isSubscribed })),
    );
    const subscribed = sent.filter(({ isSubscribed }) => isSubscribed);
    if (subscribed.length === 0 || subscribed.some(({ isSent }) => isSent)) return;
    this.logger.warn('A revocation could not be announced to the other replicas. It is announced again every 300 ms');
  }

  private receive(message: string): void {
    const [kind = '', id = ''] = message.split(':');
    if (kind === 'session') this.states.delete(id);
    else if (kind === 'user') this.forgetUser(id);
    else if (kind === EVERYTHING) this.forgetAll();
    else this.otherStates.get(kind)?.delete(id);
  }

  /** Roles in a tenant come on top of those of the account. */
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
      // Not by a join: users may be in another store.
      const user = row && (await this.users.findById(row.user_id));
      if (!user || user.lockedAt || user.deactivatedAt) return null;
      const { id: userId, email, roles } = user;
      const tenants = await this.tenantsOf(userId, roles);
      return { userId, email, roles, expiresAtMs: row.expires_at.getTime(), tenants };
    } catch (cause) {
      throw new ProblemException(
        'SERVICE_UNAVAILABLE',
        'Whether the session is still good cannot be told at the moment. Try again.',
        { cause, headers: { 'Retry-After': '1' } },
      );
    }
  }
}
