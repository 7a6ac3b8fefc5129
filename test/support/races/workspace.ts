import type { TestApp, Visitor } from '../harness.js';
import { registered, type ReplicaPair } from '../accounts/replica-pair.js';
import { expectedOf, type Login } from '../accounts/subject.js';

/** A tenant with a permanent owner. Subjects join and leave it. */
export class Workspace {
  private constructor(
    private readonly pair: ReplicaPair,
    readonly tenantId: string,
    readonly ownerToken: string,
  ) {}

  static async create(pair: ReplicaPair): Promise<Workspace> {
    const [one] = pair.replicas;
    const owner = await registered(one);
    const tenantId = await tenantOf(pair, owner.id);
    return new Workspace(pair, tenantId, await tokenIn(one, owner.token, tenantId));
  }

  path(userId: string): string {
    return `/tenants/${this.tenantId}/members/${userId}`;
  }

  async addOwner(userId: string): Promise<void> {
    await addMember(this.pair, this.tenantId, userId, 'TenantOwner');
  }

  /** Token of the subject for the tenant, from the same session. */
  tokenOf(replica: TestApp, { accessToken }: Login): Promise<string> {
    return tokenIn(replica, accessToken, this.tenantId);
  }

  async rolesOf(userId: string): Promise<string[] | undefined> {
    return (await rolesIn(this.pair, this.tenantId)).get(userId);
  }
}

export async function tenantOf(pair: ReplicaPair, ownerId?: string): Promise<string> {
  const [administrator] = pair.administrators;
  const body = { name: `Tenant ${crypto.randomUUID()}`, ownerId };
  return expectedOf(await pair.replicas[0].post('/admin/tenants', body, { token: administrator.token }), 201).id;
}

export async function addMember(pair: ReplicaPair, tenantId: string, userId: string, role: string): Promise<void> {
  const [{ token }]: readonly Visitor[] = pair.administrators;
  const path = `/admin/tenants/${tenantId}/members/${userId}`;
  expectedOf(await pair.replicas[0].send('PUT', path, { token, body: { roles: [role] } }), 204);
}

export async function tokenIn(replica: TestApp, token: string, tenantId: string): Promise<string> {
  return expectedOf(await replica.post('/auth/switch-tenant', { tenantId }, { token }), 200).accessToken;
}

/** Members of a tenant with their roles. */
export async function rolesIn(pair: ReplicaPair, tenantId: string): Promise<Map<string, string[]>> {
  const rows = await pair.sql('SELECT user_id, roles FROM tenant_members WHERE tenant_id = $1', [tenantId]);
  return new Map(rows.map(({ user_id: userId, roles }) => [userId, roles]));
}
