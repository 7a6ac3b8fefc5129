export * from './access-control.js';
export {
  AllowApiKeys,
  AnyPermission,
  AuditAccess,
  Authorize,
  Permissions,
  Roles,
  type AuthorizeOptions,
} from './authorization.decorators.js';
export * from './authorization.guard.js';
export * from './authorization.module.js';
export { DEFAULT_ROLES, SUITE_PERMISSIONS, type AuthorizationModuleOptions } from './authorization.options.js';
export {
  allOf,
  anyOf,
  bodyField,
  hasPermission,
  hasRole,
  inAnyTenant,
  inTenant,
  not,
  ownerOf,
  param,
  policy,
  queryField,
  type Access,
  type AccessPolicy,
  type FindPolicy,
  type Policy,
  type PolicyCheck,
  type PolicyLike,
  type RequestValue,
  type RouteRequest,
} from './policy.js';
export { Grants, isPermission, type RoleDefinition, type RoleDefinitions } from './role-hierarchy.js';
