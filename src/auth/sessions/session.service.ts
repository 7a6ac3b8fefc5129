import { createHash, createHmac, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { DataSource, IsNull, MoreThan, Not, type Repository } from 'typeorm';
import { AuditTrail, NoAuditTrail } from '../../ports/index.js';
import { currentContext } from '../../context/index.js';
import { uuidv7 } from '../../common/index.js';
import { afterCommit, InjectModuleDataSource, managerOf } from '../../database/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { RevocationService } from './revocation.service.js';
import { Session, type AuthenticationMethod } from './session.entity.js';
import { deriveKey, SIGNING_KEY, type SigningKey } from '../tokens/signing-key.js';
import { formatRefreshToken, isIssuedHere, parseRefreshToken } from './refresh-token.js';

const SECRET_BYTES = 32;
const MAX_USER_AGENT_LENGTH = 256;

/** A session with its refresh token. The token is sent to the client and not stored. */
export interface OpenSession {
  sessionId: string;
  userId: string;
  /** Tenant that the session was last switched to. */
  tenantId: string | null;
  refreshToken: string;
  authenticatedAt: Date;
  methods: readonly string[];
}

/**
 * Login sessions and their refresh tokens: opaque, stored as a hash, valid for one use (RFC 9700, section 4.14.2).
 *
 * The second use of a token shows that it was copied, so it ends the session. There is one exception: the same client
 * repeats the request within `refreshGraceMs`. Then the response was probably lost, and the client gets the same successor
 * again. The successor need not be stored for this, because each secret is derived from the previous one. Each token has a
 * tag (HMAC), so a forged token does not count as a second use.
 */
@Injectable()
export class SessionService {
  private readonly key: KeyObject;

  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Inject(SIGNING_KEY) private readonly signingKey: SigningKey,
    private readonly revocations: RevocationService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {
    this.key = deriveKey(signingKey, 'bulwark refresh successor');
  }

  /** Creates a session. The caller must hold the account's lock: see `AccountTransactions`. */
  async create(userId: string, methods: readonly string[] = ['pwd']): Promise<OpenSession> {
    const id = uuidv7();
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    const now = new Date();
    const context = currentContext();
    await this.sessions.insert({
      id,
      userId,
      refreshHash: hashSecret(secret),
      createdAt: now,
      lastUsedAt: now,
      authenticatedAt: now,
      methods: [...methods],
      expiresAt: new Date(now.getTime() + Math.min(this.settings.refreshTtlMs, this.settings.sessionMaxTtlMs)),
      userAgent: context?.userAgent?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
      address: context?.clientAddress ?? null,
    });
    const refreshToken = formatRefreshToken(this.signingKey, id, secret);
    return { sessionId: id, userId, tenantId: null, refreshToken, authenticatedAt: now, methods };
  }

  /** Whether the user has this session and it has not ended. */
  async isActive(userId: string, id: string): Promise<boolean> {
    if (!isUUID(id)) return false;
    return this.sessions.existsBy({ id, userId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) });
  }

  /** Exchanges a refresh token for its successor. Returns undefined if it is unknown, used, expired or revoked. */
  async rotate(refreshToken: string): Promise<OpenSession | undefined> {
    const parsed = parseRefreshToken(refreshToken);
    if (!parsed) return undefined;
    const now = new Date();
    const usedHash = hashSecret(parsed.secret);
    const secret = this.deriveSuccessor(parsed.id, parsed.secret);
    const { affected } = await this.sessions.update(
      { id: parsed.id, refreshHash: usedHash, revokedAt: IsNull(), expiresAt: MoreThan(now) },
      {
        refreshHash: hashSecret(secret),
        previousHash: usedHash,
        rotatedBy: hashClient(),
        lastUsedAt: now,
        expiresAt: () => this.createExpirySql(now),
        address: currentContext()?.clientAddress ?? null,
      },
    );
    const session = await this.sessions.findOneBy({ id: parsed.id });
    if (!session || session.revokedAt || session.expiresAt <= now) return undefined;
    if (affected === 1 || this.isRetry(session, usedHash, secret, now)) {
      const { id: sessionId, userId, tenantId, authenticatedAt, methods } = session;
      const successor = formatRefreshToken(this.signingKey, sessionId, secret);
      return { sessionId, userId, tenantId, refreshToken: successor, authenticatedAt, methods };
    }
    if (isIssuedHere(this.signingKey, parsed)) await this.revokeAfterReuse(session);
    return undefined;
  }

  /** Stores the tenant for which later refreshes issue tokens. Existing access tokens do not change. */
  async switchTenant(id: string, tenantId: string | null): Promise<void> {
    await this.sessions.update({ id, revokedAt: IsNull() }, { tenantId });
  }

  /**
   * Ends the session of a refresh token. A used token of the session is accepted too. An unknown token is not an error.
   *
   * @returns the owner of the session; undefined if the token belongs to no session
   */
  async endByRefreshToken(refreshToken: string): Promise<string | undefined> {
    const parsed = parseRefreshToken(refreshToken);
    const session = parsed && (await this.sessions.findOneBy({ id: parsed.id }));
    if (!session) return undefined;
    // A matching hash is sufficient too, because the key of the tag may have been removed by a key rotation.
    if (!isIssuedHere(this.signingKey, parsed) && !isEqual(session.refreshHash, hashSecret(parsed.secret)))
      return undefined;
    await this.revoke(session.userId, session.id);
    return session.userId;
  }

  /** Lists the active sessions of a user, the last used first. */
  list(userId: string): Promise<Session[]> {
    return this.sessions.find({
      where: { userId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) },
      order: { lastUsedAt: 'DESC' },
      take: 100,
    });
  }

  /** Stores that the user of the session has just authenticated again. Returns the time. */
  async recordAuthentication(id: string, methods: readonly AuthenticationMethod[]): Promise<Date> {
    const authenticatedAt = new Date();
    await this.sessions.update({ id }, { authenticatedAt, methods: [...methods] });
    return authenticatedAt;
  }

  /** Deletes all sessions of a deleted user. */
  async deleteOfUser(userId: string): Promise<void> {
    await this.sessions.delete({ userId });
    await afterCommit(() => this.revocations.userChanged(userId));
  }

  /** Ends one session of a user. Returns false if the user has no such session. */
  async revoke(userId: string, id: string): Promise<boolean> {
    const { affected } = await this.sessions.update({ id, userId, revokedAt: IsNull() }, { revokedAt: new Date() });
    await afterCommit(() => this.revocations.sessionChanged(id));
    return affected === 1;
  }

  /** Ends all sessions of a user except `keptSessionId`. Returns the number of ended sessions. */
  async revokeAll(userId: string, keptSessionId?: string): Promise<number> {
    const { affected } = await this.sessions.update(
      { userId, revokedAt: IsNull(), ...(keptSessionId !== undefined && { id: Not(keptSessionId) }) },
      { revokedAt: new Date() },
    );
    await afterCommit(() => this.revocations.userChanged(userId));
    return affected ?? 0;
  }

  /** Uses the open transaction, if there is one. */
  private get sessions(): Repository<Session> {
    return managerOf(this.source).getRepository(Session);
  }

  private isRetry(session: Session, usedHash: Buffer, secret: string, now: Date): boolean {
    const { previousHash, rotatedBy, refreshHash, lastUsedAt } = session;
    return (
      now.getTime() - lastUsedAt.getTime() < this.settings.refreshGraceMs &&
      isEqual(previousHash, usedHash) &&
      isEqual(rotatedBy, hashClient()) &&
      isEqual(refreshHash, hashSecret(secret))
    );
  }

  private async revokeAfterReuse(session: Session): Promise<void> {
    await this.revoke(session.userId, session.id);
    this.audit.record({
      action: 'auth.token_reuse',
      outcome: 'denied',
      actorId: session.userId,
      target: `session:${session.id}`,
    });
  }

  /** Needs the previous secret and the server's key. Neither the key nor a copy of the database is sufficient alone. */
  private deriveSuccessor(id: string, secret: string): string {
    return createHmac('sha256', this.key).update(`${id}.${secret}`).digest('base64url');
  }

  /** SQL expression of the new expiry. It never exceeds the maximum lifetime of the session (ASVS 5.0, 7.3.2). */
  private createExpirySql(now: Date): string {
    const { refreshTtlMs, sessionMaxTtlMs } = this.settings;
    const idleExpiry = new Date(now.getTime() + refreshTtlMs).toISOString();
    return `LEAST('${idleExpiry}'::timestamptz, created_at + interval '${sessionMaxTtlMs} milliseconds')`;
  }
}

/** Hash of address and user agent, which is equal for requests of the same client. */
function hashClient(): Buffer {
  const { userAgent = '', clientAddress = '' } = currentContext() ?? {};
  return hashSecret(`${clientAddress}\n${userAgent}`);
}

/** A fast hash is sufficient, because the secret is random and cannot be guessed. */
function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function isEqual(stored: Buffer | null, given: Buffer): boolean {
  return stored !== null && stored.length === given.length && timingSafeEqual(stored, given);
}
