import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import { toPolicy, type Policy, type PolicyLike } from './policy.js';

export const ROUTE_ROLES = Symbol('bulwark.roles');
export const ROUTE_PERMISSIONS = Symbol('bulwark.permissions');
export const ROUTE_POLICIES = Symbol('bulwark.policies');
export const AUDIT_ACCESS = Symbol('bulwark.auditAccess');
export const API_KEYS_ALLOWED = Symbol('bulwark.apiKeysAllowed');

/** The permissions that a route requires: all of the names, or any of them. */
export interface PermissionRequirement {
  readonly mode: 'all' | 'any';
  readonly names: readonly string[];
}

/** @publicApi */
export interface AuthorizeOptions {
  /**
   * Detail of a 404 response that is sent instead of 403, to hide that the resource exists. Use the same text as the
   * handler uses for a resource that does not exist. @default a 403 response
   */
  hideAs?: string;
}

/** @internal */
export interface PolicyRequirement extends AuthorizeOptions {
  readonly policy: Policy;
}

/**
 * Allows only callers with one of the roles, or with a role that inherits one of them. On a handler, it replaces the roles
 * of the controller.
 *
 * @publicApi
 */
export function Roles(...roles: [string, ...string[]]): CustomDecorator<symbol> {
  return SetMetadata(ROUTE_ROLES, roles);
}

/** Allows only callers with all of these permissions. Adds to other requirements of the route. @publicApi */
export function Permissions(...names: [string, ...string[]]): MethodDecorator & ClassDecorator {
  return appendMetadata<PermissionRequirement>(ROUTE_PERMISSIONS, { mode: 'all', names });
}

/** Allows only callers with at least one of these permissions. Adds to other requirements of the route. @publicApi */
export function AnyPermission(...names: [string, ...string[]]): MethodDecorator & ClassDecorator {
  return appendMetadata<PermissionRequirement>(ROUTE_PERMISSIONS, { mode: 'any', names });
}

/**
 * Allows only callers for whom the policy returns true. Adds to other requirements of the route:
 * `@Authorize(anyOf(hasPermission('users:read'), ownerOf(param('id'))))`.
 *
 * @publicApi
 */
export function Authorize(policy: PolicyLike, options: AuthorizeOptions = {}): MethodDecorator & ClassDecorator {
  return appendMetadata<PolicyRequirement>(ROUTE_POLICIES, { policy: toPolicy(policy), ...options });
}

/** Records `access.granted` for each allowed call of a route or controller. @publicApi */
export function AuditAccess(): CustomDecorator<symbol> {
  return SetMetadata(AUDIT_ACCESS, true);
}

/**
 * Allows API keys on a route or controller that requires no permissions. A route that requires permissions allows API keys
 * with these permissions by default; `@AllowApiKeys(false)` denies them.
 *
 * @publicApi
 */
export function AllowApiKeys(isAllowed = true): CustomDecorator<symbol> {
  return SetMetadata(API_KEYS_ALLOWED, isAllowed);
}

/** Appends to existing metadata, so that a subclass or a second decorator never removes a requirement. */
function appendMetadata<T>(key: symbol, value: T): MethodDecorator & ClassDecorator {
  return (target: object, _property?: string | symbol, descriptor?: PropertyDescriptor) => {
    const owner = (descriptor?.value as object | undefined) ?? target;
    const existing = (Reflect.getMetadata(key, owner) as readonly T[] | undefined) ?? [];
    Reflect.defineMetadata(key, [...existing, value], owner);
  };
}
