export { AccessControl } from './access-control.js';
export {
  AllowApiKeys,
  AnyPermission,
  AuditAccess,
  Authorize,
  type AuthorizeOptions,
  Permissions,
  Roles,
} from './authorization.decorators.js';
export { AuthorizationGuard } from './authorization.guard.js';
export { AuthorizationGuardModule, AuthorizationModule } from './authorization.module.js';
export { type AuthorizationModuleOptions, DEFAULT_ROLES, SUITE_PERMISSIONS } from './authorization.options.js';
export {
  type Access,
  type AccessPolicy,
  type FindPolicy,
  type Policy,
  type PolicyCheck,
  type PolicyLike,
  type RequestValue,
  type RouteRequest,
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
} from './policy.js';
export { Grants, type RoleDefinition, type RoleDefinitions } from './role-hierarchy.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { isPermission } from './role-hierarchy.js';
