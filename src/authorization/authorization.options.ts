import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { RoleHierarchy, type RoleDefinitions } from './role-hierarchy.js';

/** @publicApi */
export interface AuthorizationModuleOptions {
  /** Roles, what they may do, and which of them include others. They are laid over {@link DEFAULT_ROLES}. */
  roles?: RoleDefinitions;
  /** JSON file of the shape `{ "roles": { … }, "permissions": [ … ] }`, laid over `roles`. Read once, at start. @default none */
  rolesFile?: string;
  /** Every permission that there is, beside {@link SUITE_PERMISSIONS}. Any other name, in a role or at a route, then fails the start. @default any name */
  permissions?: readonly string[];
  /** Permissions whose use is audited as `access.granted`, as with `@AuditAccess()`. @default none */
  sensitivePermissions?: readonly string[];
}

/** What the suite's own routes ask for. @publicApi */
export const SUITE_PERMISSIONS = ['tenant:members:read', 'tenant:members:write'] as const;

/** The roles of the suite: three of accounts and three of the members of a tenant. @publicApi */
export const DEFAULT_ROLES = {
  Admin: { inherits: ['Developer'], permissions: ['*'] },
  Developer: { inherits: ['User'] },
  User: {},
  TenantOwner: { scope: 'tenant', inherits: ['TenantManager'], permissions: ['tenant:*'] },
  TenantManager: { scope: 'tenant', inherits: ['TenantMember'], permissions: ['tenant:members:write'] },
  TenantMember: { scope: 'tenant', permissions: ['tenant:members:read'] },
} as const satisfies RoleDefinitions;

export const AUTHORIZATION_OPTIONS = Symbol('bulwark.authorizationOptions');

const NAMES = z.array(z.string());
const roleSchema = z.strictObject({
  scope: z.enum(['account', 'tenant']).optional(),
  inherits: NAMES.optional(),
  permissions: NAMES.optional(),
});
const rolesFileSchema = z.strictObject({
  roles: z.record(z.string(), roleSchema).optional(),
  permissions: NAMES.optional(),
});

/** @throws TypeError that names what is wrong, in the options or in the file */
export function roleHierarchy(options: AuthorizationModuleOptions = {}): RoleHierarchy {
  const file = options.rolesFile === undefined ? {} : readRoles(options.rolesFile);
  const vocabulary = [...(options.permissions ?? []), ...(file.permissions ?? [])];
  return new RoleHierarchy(
    { ...DEFAULT_ROLES, ...options.roles, ...file.roles },
    vocabulary.length > 0 ? [...SUITE_PERMISSIONS, ...vocabulary] : undefined,
  );
}

function readRoles(path: string): z.infer<typeof rolesFileSchema> {
  try {
    return rolesFileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new TypeError(`The roles in ${path} cannot be read (${reason}). Write { "roles": { "Name": { … } } }`, {
      cause,
    });
  }
}
