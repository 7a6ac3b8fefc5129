import { timingSafeEqual } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { RevocationService } from '../auth/index.js';
import { AccessControl } from '../authorization/index.js';
import { AuditTrail, CredentialVerifier, NoAuditTrail, TenantDirectory } from '../ports/index.js';
import { ProblemException, type ErrorCode } from '../problem/index.js';
import type { Principal } from '../context/index.js';
import { afterCommit, managerOf } from '../database/index.js';
import { UserStore } from '../users/index.js';
import { ApiKeyUses } from './api-key-uses.js';
import { API_KEY_PREFIX, hashOf, parseApiKey } from './api-key-format.js';

/** Name of these keys among what revocations are announced of. */
export const API_KEYS = 'apikey';
const REMEMBERED = 10_000;
const NO_HASH = Buffer.alloc(32);

type Refusal = 'API_KEY_INVALID' | 'API_KEY_EXPIRED' | 'API_KEY_REVOKED';

const DETAILS: Readonly<Record<Refusal, string>> = {
  API_KEY_INVALID: 'There is no such API key. Check that it was copied whole.',
  API_KEY_EXPIRED: 'The API key has expired. Make another.',
  API_KEY_REVOKED: 'The API key was revoked, or its owner has no access any more. Make another.',
};

interface KeyState {
  readonly userId: string;
  /** How long it may be remembered at most. */
  readonly expiresAtMs: number;
  readonly keyExpiresAtMs: number;
  readonly hash: Buffer;
  /** Undefined for a key that is revoked, or whose owner is locked, gone, or out of the tenant. */
  readonly principal: Principal | undefined;
}

interface KeyRow {
  user_id: string;
  tenant_id: string | null;
  secret_hash: Buffer;
  permissions: string[];
  expires_at: Date;
  revoked_at: Date | null;
}

/**
 * Takes API keys as bearer tokens. What is known of a key is remembered like the state of a session and forgotten by the
 * same news, so that a key that is revoked, or an owner who is locked or loses a role, counts from the next request on.
 */
@Injectable()
export class ApiKeyVerifier extends CredentialVerifier {
  private readonly states;

  constructor(
    private readonly source: DataSource,
    private readonly users: UserStore,
    private readonly access: AccessControl,
    private readonly uses: ApiKeyUses,
    revocations: RevocationService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly directory?: TenantDirectory,
  ) {
    super();
    this.states = revocations.createStateCache<KeyState>(API_KEYS, REMEMBERED, (id) => this.load(id));
  }

  verify(credential: string): Principal | Promise<Principal> | undefined {
    if (!credential.startsWith(API_KEY_PREFIX)) return undefined;
    const parts = parseApiKey(credential);
    if (!parts) throw this.refusal('API_KEY_INVALID');
    const state = this.states.get(parts.id);
    if (state instanceof Promise) return state.then((late) => this.judge(parts.id, parts.secret, late));
    return this.judge(parts.id, parts.secret, state);
  }

  /** Announced with the other changes of the user by the caller. */
  async revokeAll(userId: string): Promise<void> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      'UPDATE api_keys SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL',
      [userId],
    );
    if (affected === 0) return;
    const event = { action: 'api_key.revoke_all', outcome: 'success', target: `user:${userId}` } as const;
    await afterCommit(() => this.audit.record({ ...event, delivery: 'durable', metadata: { revoked: affected } }));
  }

  /** The same steps for a key that there is and for one that there is not; why it is refused is told to its holder only. */
  private judge(id: string, secret: string, state: KeyState | null): Principal {
    const isRight = timingSafeEqual(hashOf(secret), state?.hash ?? NO_HASH);
    if (!isRight || !state) throw this.refusal('API_KEY_INVALID', id);
    if (!state.principal) throw this.refusal('API_KEY_REVOKED', id);
    if (state.keyExpiresAtMs <= Date.now()) throw this.refusal('API_KEY_EXPIRED', id);
    this.uses.note(id);
    return state.principal;
  }

  private refusal(code: Refusal, id?: string): ProblemException {
    this.audit.record({
      action: 'access.denied',
      outcome: 'denied',
      ...(id !== undefined && { target: `api-key:${id}` }),
      metadata: { reason: 'api_key', code: code satisfies ErrorCode },
    });
    const detail = DETAILS[code];
    const challenge = `Bearer realm="api", error="invalid_token", error_description="${detail}"`;
    return new ProblemException(code, detail, { headers: { 'WWW-Authenticate': challenge } });
  }

  private async load(id: string): Promise<KeyState | null> {
    try {
      const [row] = await this.source.query<KeyRow[]>(
        'SELECT user_id, tenant_id, secret_hash, permissions, expires_at, revoked_at FROM api_keys WHERE id = $1',
        [id],
      );
      if (!row) return null;
      return {
        userId: row.user_id,
        expiresAtMs: Infinity,
        keyExpiresAtMs: row.expires_at.getTime(),
        hash: row.secret_hash,
        principal: row.revoked_at ? undefined : await this.principalOf(id, row),
      };
    } catch (cause) {
      throw new ProblemException(
        'SERVICE_UNAVAILABLE',
        'Whether the API key is good cannot be told at the moment. Try again.',
        { cause, headers: { 'Retry-After': '1' } },
      );
    }
  }

  /** With what the key was made for and its owner may still do; without roles, which would open more. */
  private async principalOf(id: string, { user_id, tenant_id, permissions }: KeyRow): Promise<Principal | undefined> {
    const owner = await this.users.findById(user_id);
    if (!owner || owner.lockedAt || owner.deactivatedAt) return undefined;
    const there = tenant_id === null ? [] : (await this.directory?.getMemberships(user_id))?.get(tenant_id);
    if (!there) return undefined;
    const grants = this.access.getGrantsOfRoles([...owner.roles, ...there]);
    return {
      id: owner.id,
      email: owner.email,
      roles: [],
      sessionId: `api-key:${id}`,
      ...(tenant_id !== null && { tenantId: tenant_id }),
      apiKey: { id, permissions: permissions.filter((permission) => grants.hasPermission(permission)) },
    };
  }
}
