import { Inject, Injectable, Logger, Optional, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProblemException, REDIS, TenantDirectory, type Memberships } from '../../common/index.js';
import type { RedisClient } from '../../redis/index.js';
import { UserStore } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { PostgresChannel, redisChannel, type RevocationChannel } from './revocation-channel.js';
import { BLIND_AGE_MS, SessionStates, type KeptState, type SessionVerdict } from './session-states.js';

const HEARTBEAT = 'heartbeat';
const HEARTBEAT_MS = 300;
/** In place of more news than are worth to be told one by one. */
const EVERYTHING = 'everything';
const MOST_UNTOLD = 1_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface SessionRow {
  user_id: string;
  expires_at: Date;
}

/**
 * Whether a session is good, from memory, and the news by which the replicas keep each other's memory true. The news
 * carry a heartbeat: while none is heard, no verdict serves for more than a second. So a replica that hears nothing holds
 * to a revocation within a second all the same; and one whose news go astray tells them again until they are out.
 *
 * @publicApi
 */
@Injectable()
export class RevocationService implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Auth');
  private readonly states: SessionStates;
  private readonly others = new Map<string, Pick<SessionStates, 'forgetSession' | 'forgetUser' | 'forgetAll'>>();
  private channel: RevocationChannel | undefined;
  private heartbeat: NodeJS.Timeout | undefined;
  private isBeating = false;
  private lastHeardAt = -Infinity;
  /** News that have not gone out. */
  private readonly untold = new Set<string>();

  constructor(
    private readonly source: DataSource,
    private readonly users: UserStore,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() @Inject(REDIS) private readonly redis?: RedisClient,
    @Optional() private readonly directory?: TenantDirectory,
  ) {
    this.states = new SessionStates({
      size: settings.sessionCacheSize,
      load: (sessionId) => this.load(sessionId),
      isLive: (now) => now - this.lastHeardAt <= BLIND_AGE_MS,
    });
  }

  async onModuleInit(): Promise<void> {
    if (this.settings.sessionCheck === 'off') return;
    const listener = { heard: (message: string) => this.heard(message), lost: () => (this.lastHeardAt = -Infinity) };
    if (this.redis) {
      this.channel = redisChannel(this.redis, listener);
    } else {
      const channel = new PostgresChannel(this.source, listener);
      this.channel = channel;
      await channel.firstAttempt;
    }
    this.heartbeat = setInterval(() => void this.beat(), HEARTBEAT_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.heartbeat);
    this.lastHeardAt = -Infinity;
    await this.channel?.close();
    this.channel = undefined;
  }

  /**
   * State of a session; null where it is over.
   *
   * @throws ProblemException `SERVICE_UNAVAILABLE` when the database, which alone knows, does not answer
   */
  verdictOf(sessionId: string): SessionVerdict | Promise<SessionVerdict> {
    return this.states.get(sessionId);
  }

  /** Announces that a session has ended, once that stands in the database. */
  sessionChanged(given: string): Promise<void> {
    const sessionId = given.toLowerCase();
    this.states.forgetSession(sessionId);
    return this.announce(`session:${sessionId}`);
  }

  /** Announces that all sessions of a user, or what the user may do, have changed, once that stands in the database. */
  userChanged(given: string): Promise<void> {
    // Ids come from URLs in either letter case; those of the states come from the database.
    const userId = given.toLowerCase();
    this.forgetUser(userId);
    return this.announce(`user:${userId}`);
  }

  /**
   * A memory of verdicts on something else that users have, such as keys. The same news keep it true: those on users,
   * and those on what is announced by {@link changed} under the same name.
   *
   * @param name letters, without a colon
   * @internal
   */
  memoryOf<T extends KeptState>(name: string, size: number, load: (id: string) => Promise<T | null>): SessionStates<T> {
    const isLive = (now: number) => now - this.lastHeardAt <= BLIND_AGE_MS;
    const states = new SessionStates<T>({ size, load, isLive });
    this.others.set(name, states);
    return states;
  }

  /** Announces a change of what a {@link memoryOf} remembers, once that stands in the database. @internal */
  changed(name: string, id: string): Promise<void> {
    this.others.get(name)?.forgetSession(id);
    return this.announce(`${name}:${id}`);
  }

  private forgetUser(userId: string): void {
    this.states.forgetUser(userId);
    for (const states of this.others.values()) states.forgetUser(userId);
  }

  private forgetAll(): void {
    this.states.forgetAll();
    for (const states of this.others.values()) states.forgetAll();
  }

  private async announce(message: string): Promise<void> {
    try {
      await this.channel?.publish(message);
    } catch (error) {
      this.logger.warn({
        err: error,
        msg: 'a revocation could not be announced to the other replicas; it is tried again',
      });
      this.untold.add(message);
      if (this.untold.size <= MOST_UNTOLD) return;
      this.untold.clear();
      this.untold.add(EVERYTHING);
    }
  }

  private async announceAgain(): Promise<void> {
    for (const message of this.untold) {
      // Before it is sent, so that the same news of a later change is not taken for told.
      this.untold.delete(message);
      try {
        await this.channel?.publish(message);
      } catch (error) {
        this.untold.add(message);
        throw error;
      }
    }
  }

  private heard(message: string): void {
    const now = performance.now();
    // News may have been missed in the silence.
    if (now - this.lastHeardAt > BLIND_AGE_MS) this.forgetAll();
    this.lastHeardAt = now;
    const [kind, id = ''] = message.split(':');
    if (kind === 'session') this.states.forgetSession(id);
    else if (kind === 'user') this.forgetUser(id);
    else if (kind === EVERYTHING) this.forgetAll();
    else this.others.get(kind ?? '')?.forgetSession(id);
  }

  /** Heard by all, so that few of the replicas have to send one: none that has untold news. */
  private async beat(): Promise<void> {
    if (this.isBeating || !this.channel) return;
    this.isBeating = true;
    try {
      await this.announceAgain();
      const isSilent = performance.now() - this.lastHeardAt >= HEARTBEAT_MS;
      if (isSilent && this.channel?.hears) await this.channel.publish(HEARTBEAT);
    } catch {
      // The next beat tries again.
    } finally {
      this.isBeating = false;
    }
  }

  /** Roles in a tenant come on top of those of the account. */
  private async tenantsOf(userId: string, roles: readonly string[]): Promise<Memberships> {
    const memberships = await this.directory?.membershipsOf(userId);
    return new Map([...(memberships ?? [])].map(([tenantId, there]) => [tenantId, [...roles, ...there]]));
  }

  private async load(sessionId: string): Promise<SessionVerdict> {
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
