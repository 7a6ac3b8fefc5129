import { SetMetadata, type CustomDecorator } from '@nestjs/common';
import { policyOf, type Policy, type PolicyLike } from './policy.js';

export const ROLES_OF_ROUTE = Symbol('bulwark.roles');
export const PERMISSIONS_OF_ROUTE = Symbol('bulwark.permissions');
export const POLICIES_OF_ROUTE = Symbol('bulwark.policies');
export const AUDIT_ACCESS = Symbol('bulwark.auditAccess');
export const API_KEYS_ALLOWED = Symbol('bulwark.apiKeysAllowed');

/** @internal */
export interface PermissionDemand {
  readonly mode: 'all' | 'any';
  readonly names: readonly string[];
}

/** @publicApi */
export interface AuthorizeOptions {
  /**
   * Answers 404 instead of 403, where it must not be told that the thing exists. The text is the detail of the answer:
   * the same as the handler's own for what is not there. @default 403
   */
  hideAs?: string;
}

/** @internal */
export interface PolicyDemand extends AuthorizeOptions {
  readonly policy: Policy;
}

/**
 * Closes a route or controller to callers with none of the roles, nor one that includes them. On a handler it takes the
 * place of its controller's.
 *
 * @publicApi
 */
export function Roles(...roles: [string, ...string[]]): CustomDecorator<symbol> {
  return SetMetadata(ROLES_OF_ROUTE, roles);
}

/** Closes a route or controller to callers without all of these permissions, beside what else is asked. @publicApi */
export function Permissions(...names: [string, ...string[]]): MethodDecorator & ClassDecorator {
  return append<PermissionDemand>(PERMISSIONS_OF_ROUTE, { mode: 'all', names });
}

/** Closes a route or controller to callers with none of these permissions, beside what else is asked. @publicApi */
export function AnyPermission(...names: [string, ...string[]]): MethodDecorator & ClassDecorator {
  return append<PermissionDemand>(PERMISSIONS_OF_ROUTE, { mode: 'any', names });
}

/**
 * Closes a route or controller to callers whom the policy does not let pass, beside what else is asked:
 * `@Authorize(anyOf(hasPermission('users:read'), ownerOf(param('id'))))`.
 *
 * @publicApi
 */
export function Authorize(policy: PolicyLike, options: AuthorizeOptions = {}): MethodDecorator & ClassDecorator {
  return append<PolicyDemand>(POLICIES_OF_ROUTE, { policy: policyOf(policy), ...options });
}

/** Records `access.granted` for each call of a route or controller that is let in. @publicApi */
export function AuditAccess(): CustomDecorator<symbol> {
  return SetMetadata(AUDIT_ACCESS, true);
}

/**
 * Lets API keys use a route or controller that asks for no permission. Where permissions are asked for, keys that have
 * them are let in without it; `@AllowApiKeys(false)` keeps them out there, too.
 *
 * @publicApi
 */
export function AllowApiKeys(isAllowed = true): CustomDecorator<symbol> {
  return SetMetadata(API_KEYS_ALLOWED, isAllowed);
}

/** Adds to what stands there: a subclass or a second decorator never takes a demand away. */
function append<T>(key: symbol, value: T): MethodDecorator & ClassDecorator {
  return (target: object, _property?: string | symbol, descriptor?: PropertyDescriptor) => {
    const on = (descriptor?.value as object | undefined) ?? target;
    const before = (Reflect.getMetadata(key, on) as readonly T[] | undefined) ?? [];
    Reflect.defineMetadata(key, [...before, value], on);
  };
}
