import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { RoleHierarchy, type RoleDefinitions } from './role-hierarchy.js';

/** @publicApi */
export interface AuthorizationModuleOptions {
  /** Roles with their permissions and inherited roles. They extend and override {@link DEFAULT_ROLES}. */
  roles?: RoleDefinitions;
  /**
   * JSON file of the form `{ "roles": { … }, "permissions": [ … ] }`. It extends and overrides `roles`. Read once, at
   * start. @default none
   */
  rolesFile?: string;
  /**
   * All permissions of the application, in addition to {@link SUITE_PERMISSIONS}. If set, an unknown permission in a role
   * or at a route fails the start. @default any name is accepted
   */
  permissions?: readonly string[];
  /** Permissions whose use is recorded as `access.granted`, as with `@AuditAccess()`. @default none */
  sensitivePermissions?: readonly string[];
}

/** Permissions that the library's own routes require. @publicApi */
export const SUITE_PERMISSIONS = ['tenant:members:read', 'tenant:members:write'] as const;

/** The default roles: three for accounts and three for members of a tenant. @publicApi */
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

/** @throws TypeError if the options or the file are invalid. The message names the fault */
export function createRoleHierarchy(options: AuthorizationModuleOptions = {}): RoleHierarchy {
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
    throw new TypeError(`The roles file ${path} cannot be read (${reason}). Write { "roles": { "Name": { … } } }`, {
      cause,
    });
  }
}
