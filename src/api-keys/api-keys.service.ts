import { Injectable, Optional } from '@nestjs/common';
import { DataSource, IsNull, MoreThan, type Repository } from 'typeorm';
import { AccountTransactions, RevocationService } from '../auth/index.js';
import { AccessControl, isPermission } from '../authorization/index.js';
import { AuditTrail, NoAuditTrail, type AuditAction, type AuditInput, type AuditMetadata } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { uuidv7 } from '../common/index.js';
import type { Principal } from '../context/index.js';
import { afterCommit, InjectModuleDataSource, managerOf } from '../database/index.js';
import { createApiKey } from './api-key-format.js';
import { ApiKey } from './api-key.entity.js';
import { API_KEY_STATES } from './api-key.verifier.js';
import type { ApiKeyView, CreateApiKeyDto, NewApiKeyView } from './api-keys.dto.js';

const DAY_MS = 86_400_000;
const DEFAULT_EXPIRY_DAYS = 90;
/** Maximum number of active keys of one user. */
const MAX_KEYS = 50;

/** @publicApi */
@Injectable()
export class ApiKeysService {
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    private readonly accounts: AccountTransactions,
    private readonly access: AccessControl,
    private readonly revocations: RevocationService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  /**
   * Creates a key for the tenant that its owner acts in.
   *
   * @throws ProblemException `VALIDATION_FAILED` for an invalid permission, `ACCESS_DENIED` for a permission that the
   *   owner does not have, `CONFLICT` if the owner has too many keys
   */
  async create(owner: Principal, { name, permissions, expiresInDays }: CreateApiKeyDto): Promise<NewApiKeyView> {
    const wanted = [...new Set(permissions)].toSorted();
    this.assertOwnerHasPermissions(owner, wanted);
    const id = uuidv7();
    const { key, hash } = createApiKey(id);
    const now = Date.now();
    const row = {
      id,
      userId: owner.id,
      tenantId: owner.tenantId ?? null,
      name,
      permissions: wanted,
      createdAt: new Date(now),
      expiresAt: new Date(now + (expiresInDays ?? DEFAULT_EXPIRY_DAYS) * DAY_MS),
      lastUsedAt: null,
      revokedAt: null,
    };
    await this.accounts.runAs(owner, async () => {
      if ((await this.countKeys(owner.id)) >= MAX_KEYS) {
        throw new ProblemException('CONFLICT', `A user can have at most ${MAX_KEYS} API keys. Revoke one first.`);
      }
      await this.keys.insert({ ...row, secretHash: hash });
      await this.recordAudit('api_key.create', id, { permissions: wanted, expiresAt: row.expiresAt });
    });
    return Object.assign(toView(row), { key });
  }

  /** Returns the keys of a user that are neither revoked nor expired. */
  async list(userId: string): Promise<ApiKeyView[]> {
    const where = { userId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) };
    return (await this.keys.find({ where, order: { id: 'DESC' } })).map(toView);
  }

  /**
   * @param userId the owner. Undefined if an administrator revokes the key of any user
   * @throws ProblemException `NOT_FOUND`, also for a key of another user
   */
  async revoke(id: string, userId?: string): Promise<void> {
    const { affected } = await this.keys.update(
      { id, revokedAt: IsNull(), ...(userId !== undefined && { userId }) },
      { revokedAt: new Date() },
    );
    if (affected !== 1) throw new ProblemException('NOT_FOUND', 'There is no such API key.');
    await this.revocations.changed(API_KEY_STATES, id.toLowerCase());
    await this.recordAudit('api_key.revoke', id);
  }

  private countKeys(userId: string): Promise<number> {
    return this.keys.countBy({ userId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) });
  }

  private assertOwnerHasPermissions(owner: Principal, wanted: readonly string[]): void {
    if (!wanted.every(isPermission)) {
      throw new ProblemException(
        'VALIDATION_FAILED',
        'A key needs the names of its permissions, such as orders:read.',
        {
          errors: [{ path: 'permissions', code: 'permissionInvalid', message: 'permissions must be like orders:read' }],
        },
      );
    }
    const missing = wanted.filter((permission) => !this.access.can(owner, permission));
    if (missing.length === 0) return;
    this.audit.record({
      action: 'access.denied',
      outcome: 'denied',
      metadata: { reason: 'permission', required: missing },
    });
    throw new ProblemException(
      'ACCESS_DENIED',
      `You cannot create a key with permissions that you do not have: ${missing.join(', ')}.`,
    );
  }

  private recordAudit<A extends AuditAction>(action: A, id: string, metadata?: AuditMetadata<A>): Promise<void> {
    const event: AuditInput<AuditAction> = { action, outcome: 'success', target: `api-key:${id}`, metadata };
    return afterCommit(() => this.audit.record({ ...event, delivery: 'durable' }));
  }

  /** Uses the open transaction, if there is one. */
  private get keys(): Repository<ApiKey> {
    return managerOf(this.source).getRepository(ApiKey);
  }
}

function toView({
  id,
  name,
  tenantId,
  permissions,
  createdAt,
  expiresAt,
  lastUsedAt,
}: Omit<ApiKey, 'secretHash'>): ApiKeyView {
  return { id, name, tenantId, permissions, createdAt, expiresAt, lastUsedAt };
}
