import { Inject, Injectable, Optional } from '@nestjs/common';
import { RoleCheck } from '../ports/index.js';
import type { Principal } from '../context/index.js';
import {
  AUTHORIZATION_OPTIONS,
  createRoleHierarchy,
  type AuthorizationModuleOptions,
} from './authorization.options.js';
import { Grants, type RoleHierarchy } from './role-hierarchy.js';

const NO_ROLES: readonly string[] = [];

/**
 * Checks roles and permissions of a caller in application code. All checks are synchronous and read only memory.
 *
 * @publicApi
 */
@Injectable()
export class AccessControl extends RoleCheck {
  /** @internal */
  readonly hierarchy: RoleHierarchy;
  private readonly grantsByApiKey = new WeakMap<readonly string[], Grants>();

  constructor(@Optional() @Inject(AUTHORIZATION_OPTIONS) options: AuthorizationModuleOptions = {}) {
    super();
    this.hierarchy = createRoleHierarchy(options);
  }

  /** An API key has its own permissions and no roles. Other callers have the permissions of their roles. */
  getGrants(principal: Principal | undefined): Grants {
    const { apiKey, roles } = principal ?? { apiKey: undefined, roles: NO_ROLES };
    if (apiKey === undefined) return this.hierarchy.getGrants(roles);
    let grants = this.grantsByApiKey.get(apiKey.permissions);
    if (!grants) this.grantsByApiKey.set(apiKey.permissions, (grants = new Grants([], apiKey.permissions)));
    return grants;
  }

  getGrantsOfRoles(roles: readonly string[]): Grants {
    return this.hierarchy.getGrants(roles);
  }

  /** Also true for a role that is not defined here, because another guard may set the principal's roles. */
  hasRole(principal: Principal, role: string): boolean {
    return principal.roles.includes(role) || this.getGrants(principal).hasRole(role);
  }

  can(principal: Principal, permission: string): boolean {
    return this.getGrants(principal).hasPermission(permission);
  }

  /** Names of the roles that can be assigned to accounts, or to members of a tenant. */
  getRoleNames(scope: 'account' | 'tenant'): string[] {
    return this.hierarchy.names.filter((role) => this.hierarchy.getScope(role) === scope);
  }
}
