import { timingSafeEqual } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { RevocationService } from '../auth/index.js';
import { AccessControl } from '../authorization/index.js';
import { AuditTrail, CredentialVerifier, NoAuditTrail, TenantDirectory } from '../ports/index.js';
import { ProblemException, type ErrorCode } from '../problem/index.js';
import type { Principal } from '../context/index.js';
import { afterCommit, InjectModuleDataSource, managerOf } from '../database/index.js';
import { UserStore } from '../users/index.js';
import { ApiKeyUses } from './api-key-uses.js';
import { API_KEY_PREFIX, hashSecret, parseApiKey } from './api-key-format.js';

/** Kind of the state cache for API keys, in the messages of RevocationService. */
export const API_KEY_STATES = 'apikey';
const MAX_CACHED_KEYS = 10_000;
const EMPTY_HASH = Buffer.alloc(32);

type Refusal = 'API_KEY_INVALID' | 'API_KEY_EXPIRED' | 'API_KEY_REVOKED';

const DETAILS: Readonly<Record<Refusal, string>> = {
  API_KEY_INVALID: 'There is no such API key. Check that it was copied completely.',
  API_KEY_EXPIRED: 'The API key has expired. Create a new one.',
  API_KEY_REVOKED: 'The API key was revoked, or its owner no longer has access. Create a new one.',
};

interface KeyState {
  readonly userId: string;
  /** Time until which the state may be cached. */
  readonly expiresAtMs: number;
  readonly keyExpiresAtMs: number;
  readonly hash: Buffer;
  /** Undefined if the key is revoked, or if its owner is locked, deleted or no longer a member of the tenant. */
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
 * Verifies API keys that are sent as bearer tokens. The state of a key is cached like the state of a session, and the same
 * invalidation messages remove it. So a revoked key, a locked owner or a removed role takes effect at the next request.
 */
@Injectable()
export class ApiKeyVerifier extends CredentialVerifier {
  private readonly states;

  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    private readonly users: UserStore,
    private readonly access: AccessControl,
    private readonly uses: ApiKeyUses,
    revocations: RevocationService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly directory?: TenantDirectory,
  ) {
    super();
    this.states = revocations.createStateCache<KeyState>(API_KEY_STATES, MAX_CACHED_KEYS, (id) => this.load(id));
  }

  verify(credential: string): Principal | Promise<Principal> | undefined {
    if (!credential.startsWith(API_KEY_PREFIX)) return undefined;
    const parts = parseApiKey(credential);
    if (!parts) throw this.refuse('API_KEY_INVALID');
    const state = this.states.get(parts.id);
    if (state instanceof Promise) return state.then((loaded) => this.checkKey(parts.id, parts.secret, loaded));
    return this.checkKey(parts.id, parts.secret, state);
  }

  /** The caller publishes the invalidation message of the user. */
  async revokeAll(userId: string): Promise<void> {
    const [, affected] = await managerOf(this.source).query<[unknown[], number]>(
      'UPDATE api_keys SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL',
      [userId],
    );
    if (affected === 0) return;
    const event = { action: 'api_key.revoke_all', outcome: 'success', target: `user:${userId}` } as const;
    await afterCommit(() => this.audit.record({ ...event, delivery: 'durable', metadata: { revoked: affected } }));
  }

  /**
   * Does the same steps for existing and unknown keys, so that the time does not reveal which keys exist. Only a caller
   * with the right secret learns why the key is refused.
   */
  private checkKey(id: string, secret: string, state: KeyState | null): Principal {
    const isSecretValid = timingSafeEqual(hashSecret(secret), state?.hash ?? EMPTY_HASH);
    if (!isSecretValid || !state) throw this.refuse('API_KEY_INVALID', id);
    if (!state.principal) throw this.refuse('API_KEY_REVOKED', id);
    if (state.keyExpiresAtMs <= Date.now()) throw this.refuse('API_KEY_EXPIRED', id);
    this.uses.recordUse(id);
    return state.principal;
  }

  private refuse(code: Refusal, id?: string): ProblemException {
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
        principal: row.revoked_at ? undefined : await this.createPrincipal(id, row),
      };
    } catch (cause) {
      throw new ProblemException('SERVICE_UNAVAILABLE', 'The API key cannot be verified at the moment. Try again.', {
        cause,
        headers: { 'Retry-After': '1' },
      });
    }
  }

  /** Has the permissions of the key that its owner still has. It has no roles, because roles would grant more. */
  private async createPrincipal(
    id: string,
    { user_id, tenant_id, permissions }: KeyRow,
  ): Promise<Principal | undefined> {
    const owner = await this.users.findById(user_id);
    if (!owner || owner.lockedAt || owner.deactivatedAt) return undefined;
    const tenantRoles = tenant_id === null ? [] : (await this.directory?.getMemberships(user_id))?.get(tenant_id);
    if (!tenantRoles) return undefined;
    const grants = this.access.getGrantsOfRoles([...owner.roles, ...tenantRoles]);
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
