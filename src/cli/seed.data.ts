/** Every seeded account has this password. */
export const SEED_PASSWORD = 'only for development';

export const SEED_TENANTS = ['Acme', 'Globex'] as const;

type SeedTenant = (typeof SEED_TENANTS)[number];

export interface SeedUser {
  readonly email: string;
  readonly name: string;
  /** Roles of the account. */
  readonly roles: readonly string[];
  /** Roles in tenants. */
  readonly tenants: Readonly<Partial<Record<SeedTenant, readonly string[]>>>;
  readonly isLocked?: boolean;
}

export const SEED_ADMIN = { email: 'admin@example.com', name: 'Ada Admin', roles: ['Admin', 'User'] } as const;

/** One user for each role, one of two tenants, and one who is locked. */
export const SEED_USERS: readonly SeedUser[] = [
  { email: 'developer@example.com', name: 'Dan Developer', roles: ['Developer'], tenants: {} },
  { email: 'user@example.com', name: 'Uma User', roles: ['User'], tenants: {} },
  { email: 'owner@example.com', name: 'Olga Owner', roles: ['User'], tenants: { Acme: ['TenantOwner'] } },
  { email: 'manager@example.com', name: 'Max Manager', roles: ['User'], tenants: { Acme: ['TenantManager'] } },
  {
    email: 'member@example.com',
    name: 'Mia Member',
    roles: ['User'],
    tenants: { Acme: ['TenantMember'], Globex: ['TenantOwner'] },
  },
  { email: 'locked@example.com', name: 'Lou Locked', roles: ['User'], tenants: {}, isLocked: true },
];

export interface SeedApiKey {
  readonly name: string;
  readonly owner: string;
  readonly tenant: SeedTenant;
  readonly permissions: readonly string[];
}

export const SEED_API_KEYS: readonly SeedApiKey[] = [
  { name: 'Read members', owner: 'owner@example.com', tenant: 'Acme', permissions: ['tenant:members:read'] },
  {
    name: 'Manage members',
    owner: 'owner@example.com',
    tenant: 'Acme',
    permissions: ['tenant:members:read', 'tenant:members:write'],
  },
];
