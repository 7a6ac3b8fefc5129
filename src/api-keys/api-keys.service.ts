import { Injectable, Optional } from '@nestjs/common';
import { DataSource, IsNull, MoreThan, type Repository } from 'typeorm';
import { AccountTransactions, RevocationService } from '../auth/index.js';
import { AccessControl, isPermission } from '../authorization/index.js';
import { AuditTrail, NoAuditTrail, type AuditAction, type AuditInput, type AuditMetadata } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { uuidv7 } from '../common/index.js';
import type { Principal } from '../context/index.js';
import { afterCommit, managerOf } from '../database/index.js';
import { newApiKey } from './api-key-format.js';
import { ApiKey } from './api-key.entity.js';
import { API_KEYS } from './api-key.verifier.js';
import type { ApiKeyView, CreateApiKeyDto, NewApiKeyView } from './api-keys.dto.js';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 90;
/** Keys that one user may have at a time. */
const MAX_KEYS = 50;

/** @publicApi */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly source: DataSource,
    private readonly accounts: AccountTransactions,
    private readonly access: AccessControl,
    private readonly revocations: RevocationService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  /**
   * A key for the tenant that its owner acts in.
   *
   * @throws ProblemException `VALIDATION_FAILED` for a permission that is none, `ACCESS_DENIED` for one that the owner
   *   does not have, `CONFLICT` where there are too many keys
   */
  async create(owner: Principal, { name, permissions, expiresInDays }: CreateApiKeyDto): Promise<NewApiKeyView> {
    const wanted = [...new Set(permissions)].toSorted();
    this.assertHeld(owner, wanted);
    const id = uuidv7();
    const { key, hash } = newApiKey(id);
    const now = Date.now();
    const row = {
      id,
      userId: owner.id,
      tenantId: owner.tenantId ?? null,
      name,
      permissions: wanted,
      createdAt: new Date(now),
      expiresAt: new Date(now + (expiresInDays ?? DEFAULT_DAYS) * DAY_MS),
      lastUsedAt: null,
      revokedAt: null,
    };
    await this.accounts.runAs(owner, async () => {
      if ((await this.countOf(owner.id)) >= MAX_KEYS) {
        throw new ProblemException('CONFLICT', `A user has ${MAX_KEYS} API keys at most. Revoke one first.`);
      }
      await this.keys.insert({ ...row, secretHash: hash });
      await this.recordAudit('api_key.create', id, { permissions: wanted, expiresAt: row.expiresAt });
    });
    return Object.assign(viewOf(row), { key });
  }

  /** Keys of a user that are not over. */
  async list(userId: string): Promise<ApiKeyView[]> {
    const where = { userId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) };
    return (await this.keys.find({ where, order: { id: 'DESC' } })).map(viewOf);
  }

  /**
   * @param userId the owner; undefined where an administrator may revoke anybody's
   * @throws ProblemException `NOT_FOUND`, the same for a key that is somebody else's
   */
  async revoke(id: string, userId?: string): Promise<void> {
    const { affected } = await this.keys.update(
      { id, revokedAt: IsNull(), ...(userId !== undefined && { userId }) },
      { revokedAt: new Date() },
    );
    if (affected !== 1) throw new ProblemException('NOT_FOUND', 'There is no such API key.');
    await this.revocations.changed(API_KEYS, id.toLowerCase());
    await this.recordAudit('api_key.revoke', id);
  }

  private countOf(userId: string): Promise<number> {
    return this.keys.countBy({ userId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) });
  }

  private assertHeld(owner: Principal, wanted: readonly string[]): void {
    if (!wanted.every(isPermission)) {
      throw new ProblemException('VALIDATION_FAILED', 'A key is made for permissions by their names.', {
        errors: [{ path: 'permissions', code: 'permissionInvalid', message: 'permissions must be like orders:read' }],
      });
    }
    const beyond = wanted.filter((permission) => !this.access.can(owner, permission));
    if (beyond.length === 0) return;
    this.audit.record({
      action: 'access.denied',
      outcome: 'denied',
      metadata: { reason: 'permission', required: beyond },
    });
    throw new ProblemException('ACCESS_DENIED', `You do not have the permission ${beyond.join(', ')} yourself.`);
  }

  private recordAudit<A extends AuditAction>(action: A, id: string, metadata?: AuditMetadata<A>): Promise<void> {
    const event: AuditInput<AuditAction> = { action, outcome: 'success', target: `api-key:${id}`, metadata };
    return afterCommit(() => this.audit.record({ ...event, delivery: 'durable' }));
  }

  /** Of the open transaction, where there is one. */
  private get keys(): Repository<ApiKey> {
    return managerOf(this.source).getRepository(ApiKey);
  }
}

function viewOf({
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
