import { Inject, Injectable, Optional } from '@nestjs/common';
import { RoleCheck } from '../ports/index.js';
import type { Principal } from '../context/index.js';
import { AUTHORIZATION_OPTIONS, roleHierarchy, type AuthorizationModuleOptions } from './authorization.options.js';
import { Grants, type RoleHierarchy } from './role-hierarchy.js';

const NO_ROLES: readonly string[] = [];

/**
 * What callers may do, for code that asks by itself. Answers come from memory and at once.
 *
 * @publicApi
 */
@Injectable()
export class AccessControl extends RoleCheck {
  /** @internal */
  readonly hierarchy: RoleHierarchy;
  private readonly ofKeys = new WeakMap<readonly string[], Grants>();

  constructor(@Optional() @Inject(AUTHORIZATION_OPTIONS) options: AuthorizationModuleOptions = {}) {
    super();
    this.hierarchy = roleHierarchy(options);
  }

  /** An API key has its permissions and no role; everybody else what the roles amount to. */
  grantsOf(principal: Principal | undefined): Grants {
    const { apiKey, roles } = principal ?? { apiKey: undefined, roles: NO_ROLES };
    if (apiKey === undefined) return this.hierarchy.grantsOf(roles);
    let grants = this.ofKeys.get(apiKey.permissions);
    if (!grants) this.ofKeys.set(apiKey.permissions, (grants = new Grants([], apiKey.permissions)));
    return grants;
  }

  grantsOfRoles(roles: readonly string[]): Grants {
    return this.hierarchy.grantsOf(roles);
  }

  /** By name as well: the principal of another guard may have a role that is not defined here. */
  hasRole(principal: Principal, role: string): boolean {
    return principal.roles.includes(role) || this.grantsOf(principal).hasRole(role);
  }

  can(principal: Principal, permission: string): boolean {
    return this.grantsOf(principal).hasPermission(permission);
  }

  /** Names of the roles that can be given to accounts, or to members of a tenant. */
  rolesOf(scope: 'account' | 'tenant'): string[] {
    return this.hierarchy.names.filter((role) => this.hierarchy.scopeOf(role) === scope);
  }
}
