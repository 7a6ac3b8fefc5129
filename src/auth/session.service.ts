import { createHash, randomBytes } from 'node:crypto';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, MoreThan, Repository } from 'typeorm';
import { AuditTrail, NoAuditTrail, uuidv7 } from '../common/index.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { Session } from './session.entity.js';

const SECRET_BYTES = 32;
const TOKEN = /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.([\w-]{43})$/;

/** A session with the refresh token that the client gets, and that is nowhere kept. */
export interface OpenSession {
  sessionId: string;
  userId: string;
  refreshToken: string;
}

/**
 * Login sessions and their refresh tokens: opaque, hashed at rest, good for one use (RFC 9700, section 4.14.2). A token
 * that comes a second time has been copied, and ends its session.
 */
@Injectable()
export class SessionService {
  constructor(
    @InjectRepository(Session) private readonly sessions: Repository<Session>,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  async open(userId: string): Promise<OpenSession> {
    const id = uuidv7();
    const secret = newSecret();
    const now = new Date();
    await this.sessions.insert({
      id,
      userId,
      refreshHash: hashOf(secret),
      createdAt: now,
      lastUsedAt: now,
      expiresAt: this.expiry(now),
    });
    return { sessionId: id, userId, refreshToken: `${id}.${secret}` };
  }

  /** Exchanges a refresh token for its successor; undefined where it is unknown, used up, expired or revoked. */
  async rotate(refreshToken: string): Promise<OpenSession | undefined> {
    const parsed = parse(refreshToken);
    if (!parsed) return undefined;
    const now = new Date();
    const secret = newSecret();
    const { affected } = await this.sessions.update(
      { id: parsed.id, refreshHash: hashOf(parsed.secret), revokedAt: IsNull(), expiresAt: MoreThan(now) },
      { refreshHash: hashOf(secret), lastUsedAt: now, expiresAt: this.expiry(now) },
    );
    const session = await this.sessions.findOneBy({ id: parsed.id });
    if (affected === 1 && session) {
      return { sessionId: session.id, userId: session.userId, refreshToken: `${session.id}.${secret}` };
    }
    if (session && !session.revokedAt && session.expiresAt > now) await this.endAfterReuse(session);
    return undefined;
  }

  /** Ends the session of a refresh token. An unknown token is no error: the session is over either way. */
  async close(refreshToken: string): Promise<string | undefined> {
    const parsed = parse(refreshToken);
    if (!parsed) return undefined;
    const session = await this.sessions.findOneBy({ id: parsed.id, refreshHash: hashOf(parsed.secret) });
    if (!session) return undefined;
    await this.revoke(session.id);
    return session.userId;
  }

  private async endAfterReuse(session: Session): Promise<void> {
    await this.revoke(session.id);
    this.audit.record({
      action: 'auth.token_reuse',
      outcome: 'denied',
      severity: 'CRITICAL',
      actorId: session.userId,
      target: `session:${session.id}`,
    });
  }

  private async revoke(id: string): Promise<void> {
    await this.sessions.update({ id, revokedAt: IsNull() }, { revokedAt: new Date() });
  }

  private expiry(from: Date): Date {
    return new Date(from.getTime() + this.settings.refreshTtlMs);
  }
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** A fast hash serves: the secret is random, so that there is nothing to guess. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function parse(token: string): { id: string; secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(token) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret } : undefined;
}
