import { createHash, createHmac, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { DataSource, IsNull, MoreThan, Not, type Repository } from 'typeorm';
import { AuditTrail, NoAuditTrail } from '../../ports/index.js';
import { currentContext } from '../../context/index.js';
import { uuidv7 } from '../../common/index.js';
import { afterCommit, managerOf } from '../../database/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { RevocationService } from './revocation.service.js';
import { Session, type AuthenticationMethod } from './session.entity.js';
import { derivedKey, SIGNING_KEY, type SigningKey } from '../tokens/signing-key.js';
import { formatRefreshToken, isGenuine, parseRefreshToken } from './refresh-token.js';

const SECRET_BYTES = 32;
const USER_AGENT_LENGTH = 256;

/** A session with the refresh token that the client gets, and that is nowhere kept. */
export interface OpenSession {
  sessionId: string;
  userId: string;
  /** Tenant that the session was switched to. */
  tenantId: string | null;
  refreshToken: string;
  authenticatedAt: Date;
  methods: readonly AuthenticationMethod[];
}

/**
 * Login sessions and their refresh tokens: opaque, hashed at rest, good for one use (RFC 9700, section 4.14.2). A token
 * that comes a second time has been copied, and ends its session, unless it comes at once and from the same client: then
 * its answer got lost, and the client gets the same successor again. Nothing is stored for that, because each secret is
 * derived from the one before. Each token has a keyed tag, so that a made-up token does not count as a second use.
 */
@Injectable()
export class SessionService {
  private readonly key: KeyObject;

  constructor(
    private readonly source: DataSource,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Inject(SIGNING_KEY) private readonly signingKey: SigningKey,
    private readonly revocations: RevocationService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {
    this.key = derivedKey(signingKey, 'bulwark refresh successor');
  }

  /** For a flow that holds the account's lock: see `AccountTransactions`. */
  async open(userId: string, methods: readonly AuthenticationMethod[] = ['pwd']): Promise<OpenSession> {
    const id = uuidv7();
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    const now = new Date();
    const context = currentContext();
    await this.sessions.insert({
      id,
      userId,
      refreshHash: hashOf(secret),
      createdAt: now,
      lastUsedAt: now,
      authenticatedAt: now,
      methods: [...methods],
      expiresAt: new Date(now.getTime() + Math.min(this.settings.refreshTtlMs, this.settings.sessionMaximumMs)),
      userAgent: context?.userAgent?.slice(0, USER_AGENT_LENGTH) ?? null,
      address: context?.clientAddress ?? null,
    });
    const refreshToken = formatRefreshToken(this.signingKey, id, secret);
    return { sessionId: id, userId, tenantId: null, refreshToken, authenticatedAt: now, methods };
  }

  /** Whether a session of the user has not ended. */
  async isOpen(userId: string, id: string): Promise<boolean> {
    if (!isUUID(id)) return false;
    return this.sessions.existsBy({ id, userId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) });
  }

  /** Exchanges a refresh token for its successor; undefined where it is unknown, used up, expired or revoked. */
  async rotate(refreshToken: string): Promise<OpenSession | undefined> {
    const parsed = parseRefreshToken(refreshToken);
    if (!parsed) return undefined;
    const now = new Date();
    const used = hashOf(parsed.secret);
    const secret = this.successorOf(parsed.id, parsed.secret);
    const { affected } = await this.sessions.update(
      { id: parsed.id, refreshHash: used, revokedAt: IsNull(), expiresAt: MoreThan(now) },
      {
        refreshHash: hashOf(secret),
        previousHash: used,
        rotatedBy: clientHash(),
        lastUsedAt: now,
        expiresAt: () => this.expiry(now),
        address: currentContext()?.clientAddress ?? null,
      },
    );
    const session = await this.sessions.findOneBy({ id: parsed.id });
    if (!session || session.revokedAt || session.expiresAt <= now) return undefined;
    if (affected === 1 || this.isLostAnswer(session, used, secret, now)) {
      const { id: sessionId, userId, tenantId, authenticatedAt, methods } = session;
      const successor = formatRefreshToken(this.signingKey, sessionId, secret);
      return { sessionId, userId, tenantId, refreshToken: successor, authenticatedAt, methods };
    }
    if (isGenuine(this.signingKey, parsed)) await this.endAfterReuse(session);
    return undefined;
  }

  /** Has later refreshes issue tokens for a tenant, or for none. Tokens that are out go on as they are. */
  async switchTenant(id: string, tenantId: string | null): Promise<void> {
    await this.sessions.update({ id, revokedAt: IsNull() }, { tenantId });
  }

  /**
   * Ends the session of a refresh token, also by a token that was used before. An unknown token is no error.
   *
   * @returns the owner of the session; undefined where the token is not one of a session
   */
  async close(refreshToken: string): Promise<string | undefined> {
    const parsed = parseRefreshToken(refreshToken);
    const session = parsed && (await this.sessions.findOneBy({ id: parsed.id }));
    if (!session) return undefined;
    // The hash decides too, because the key of the tag may have been rotated away.
    if (!isGenuine(this.signingKey, parsed) && !isEqual(session.refreshHash, hashOf(parsed.secret))) return undefined;
    await this.revoke(session.userId, session.id);
    return session.userId;
  }

  /** Sessions of a user that are not over, the last used first. */
  list(userId: string): Promise<Session[]> {
    return this.sessions.find({
      where: { userId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) },
      order: { lastUsedAt: 'DESC' },
      take: 100,
    });
  }

  /** Stores that the user of a session has logged in once more. */
  async renewAuthentication(id: string, methods: readonly AuthenticationMethod[]): Promise<Date> {
    const authenticatedAt = new Date();
    await this.sessions.update({ id }, { authenticatedAt, methods: [...methods] });
    return authenticatedAt;
  }

  /** Removes all that is kept of a user who is gone. */
  async forget(userId: string): Promise<void> {
    await this.sessions.delete({ userId });
    await afterCommit(() => this.revocations.userChanged(userId));
  }

  /** Ends one session of a user; false where the user has no such session. */
  async revoke(userId: string, id: string): Promise<boolean> {
    const { affected } = await this.sessions.update({ id, userId, revokedAt: IsNull() }, { revokedAt: new Date() });
    await afterCommit(() => this.revocations.sessionChanged(id));
    return affected === 1;
  }

  /** Ends all sessions of a user, but for the one to keep; answers with how many. */
  async revokeAll(userId: string, keep?: string): Promise<number> {
    const { affected } = await this.sessions.update(
      { userId, revokedAt: IsNull(), ...(keep !== undefined && { id: Not(keep) }) },
      { revokedAt: new Date() },
    );
    await afterCommit(() => this.revocations.userChanged(userId));
    return affected ?? 0;
  }

  /** Of the open transaction, where there is one. */
  private get sessions(): Repository<Session> {
    return managerOf(this.source).getRepository(Session);
  }

  private isLostAnswer(session: Session, used: Buffer, secret: string, now: Date): boolean {
    const { previousHash, rotatedBy, refreshHash, lastUsedAt } = session;
    return (
      now.getTime() - lastUsedAt.getTime() < this.settings.refreshGraceMs &&
      isEqual(previousHash, used) &&
      isEqual(rotatedBy, clientHash()) &&
      isEqual(refreshHash, hashOf(secret))
    );
  }

  private async endAfterReuse(session: Session): Promise<void> {
    await this.revoke(session.userId, session.id);
    this.audit.record({
      action: 'auth.token_reuse',
      outcome: 'denied',
      actorId: session.userId,
      target: `session:${session.id}`,
    });
  }

  /** Takes the secret before and the server's key: neither a copy of the database nor the key alone leads to it. */
  private successorOf(id: string, secret: string): string {
    return createHmac('sha256', this.key).update(`${id}.${secret}`).digest('base64url');
  }

  /** In SQL: a while from now, but never past the end that a session has from its beginning (ASVS 5.0, 7.3.2). */
  private expiry(now: Date): string {
    const { refreshTtlMs, sessionMaximumMs } = this.settings;
    const idle = new Date(now.getTime() + refreshTtlMs).toISOString();
    return `LEAST('${idle}'::timestamptz, created_at + interval '${sessionMaximumMs} milliseconds')`;
  }
}

/** The client of the current request, as far as two requests of one can be told from those of two. */
function clientHash(): Buffer {
  const { userAgent = '', clientAddress = '' } = currentContext() ?? {};
  return hashOf(`${clientAddress}\n${userAgent}`);
}

/** A fast hash serves: the secret is random, so that there is nothing to guess. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function isEqual(stored: Buffer | null, given: Buffer): boolean {
  return stored !== null && stored.length === given.length && timingSafeEqual(stored, given);
}
