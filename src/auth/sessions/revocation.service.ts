import { Inject, Injectable, Logger, Optional, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProblemException, REDIS } from '../../common/index.js';
import type { RedisClient } from '../../redis/index.js';
import { UserStore } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { PostgresChannel, redisChannel, type RevocationChannel } from './revocation-channel.js';
import { BLIND_AGE_MS, SessionStates, type SessionVerdict } from './session-states.js';

const HEARTBEAT = 'heartbeat';
const HEARTBEAT_MS = 300;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface SessionRow {
  user_id: string;
  expires_at: Date;
}

/**
 * Whether a session is good, from memory, and the news by which the replicas keep each other's memory true. The news
 * carry a heartbeat: while none is heard, no verdict serves for more than a second. So whatever fails, a revocation
 * holds on every replica within a second.
 *
 * @publicApi
 */
@Injectable()
export class RevocationService implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Auth');
  private readonly states: SessionStates;
  private channel: RevocationChannel | undefined;
  private heartbeat: NodeJS.Timeout | undefined;
  private isBeating = false;
  private lastHeardAt = -Infinity;

  constructor(
    private readonly source: DataSource,
    private readonly users: UserStore,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() @Inject(REDIS) private readonly redis?: RedisClient,
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
  sessionChanged(sessionId: string): Promise<void> {
    this.states.forgetSession(sessionId);
    return this.announce(`session:${sessionId}`);
  }

  /** Announces that all sessions of a user, or what the user may do, have changed, once that stands in the database. */
  userChanged(userId: string): Promise<void> {
    this.states.forgetUser(userId);
    return this.announce(`user:${userId}`);
  }

  private async announce(message: string): Promise<void> {
    try {
      await this.channel?.publish(message);
    } catch (error) {
      // Without heartbeats either, the others read again within a second.
      this.logger.warn({ err: error, msg: 'a revocation could not be announced to the other replicas' });
    }
  }

  private heard(message: string): void {
    const now = performance.now();
    // News may have been missed in the silence.
    if (now - this.lastHeardAt > BLIND_AGE_MS) this.states.forgetAll();
    this.lastHeardAt = now;
    const [kind, id = ''] = message.split(':');
    if (kind === 'session') this.states.forgetSession(id);
    if (kind === 'user') this.states.forgetUser(id);
  }

  /** Heard by all, so that few of the replicas have to send one. */
  private async beat(): Promise<void> {
    if (this.isBeating || !this.channel?.hears || performance.now() - this.lastHeardAt < HEARTBEAT_MS) return;
    this.isBeating = true;
    await this.channel.publish(HEARTBEAT).catch(() => undefined);
    this.isBeating = false;
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
      return { userId: user.id, email: user.email, roles: user.roles, expiresAtMs: row.expires_at.getTime() };
    } catch (cause) {
      throw new ProblemException(
        'SERVICE_UNAVAILABLE',
        'Whether the session is still good cannot be told at the moment. Try again.',
        { cause, headers: { 'Retry-After': '1' } },
      );
    }
  }
}
