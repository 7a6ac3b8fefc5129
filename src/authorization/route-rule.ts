import type { Type } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { PUBLIC_ROUTE, hasRouteFlag } from '../guards/index.js';
import {
  API_KEYS_ALLOWED,
  AUDIT_ACCESS,
  ROUTE_PERMISSIONS,
  ROUTE_POLICIES,
  ROUTE_ROLES,
  type PermissionRequirement,
  type PolicyRequirement,
} from './authorization.decorators.js';
import type { AuthorizationModuleOptions } from './authorization.options.js';
import type { FindPolicy, PolicyCheck } from './policy.js';
import type { Grants, RoleHierarchy } from './role-hierarchy.js';

type Handler = (...args: never[]) => unknown;

/** Reason and response of a denied request. */
export interface Denial {
  readonly reason: 'role' | 'permission' | 'policy' | 'api_key';
  /** Names of the required roles, permissions or policies. */
  readonly required: readonly string[];
  readonly detail: string;
  readonly hideAs?: string;
}

export interface BoundPolicy {
  readonly check: PolicyCheck;
  readonly denial: Denial;
}

/** The requirements of a route. Created once, at start. */
export class RouteRule {
  /** Decisions by roles and permissions. Callers with the same roles share one {@link Grants}, so they share a decision. */
  private readonly denialsByGrants = new WeakMap<Grants, Denial | null>();

  constructor(
    private readonly roles: readonly string[] | undefined,
    private readonly permissions: readonly PermissionRequirement[],
    readonly policies: readonly BoundPolicy[],
    readonly isAudited: boolean,
    readonly allowsApiKeys: boolean,
    readonly isPublic: boolean,
  ) {}

  /** Whether the route has no requirement except authentication. */
  get needsOnlyAuthentication(): boolean {
    return this.roles === undefined && this.permissions.length === 0 && this.policies.length === 0 && !this.isAudited;
  }

  /** Names of all required permissions, for the audit trail. */
  get permissionNames(): string[] {
    return this.permissions.flatMap(({ names }) => names);
  }

  getDenial(grants: Grants): Denial | null {
    const cached = this.denialsByGrants.get(grants);
    if (cached !== undefined) return cached;
    const denial = this.checkRoles(grants) ?? this.checkPermissions(grants) ?? null;
    this.denialsByGrants.set(grants, denial);
    return denial;
  }

  private checkRoles(grants: Grants): Denial | undefined {
    const { roles } = this;
    if (roles === undefined || roles.some((role) => grants.hasRole(role))) return undefined;
    return { reason: 'role', required: roles, detail: `This route needs the role ${roles.join(' or ')}.` };
  }

  private checkPermissions(grants: Grants): Denial | undefined {
    for (const { mode, names } of this.permissions) {
      const missing = names.filter((name) => !grants.hasPermission(name));
      if (mode === 'all' ? missing.length === 0 : missing.length < names.length) continue;
      const needed = mode === 'all' ? missing.join(' and ') : names.join(' or ');
      return { reason: 'permission', required: names, detail: `This route needs the permission ${needed}.` };
    }
    return undefined;
  }
}

/** Creates the rule of a route from its decorators. */
export class RouteRules {
  constructor(
    private readonly reflector: Reflector,
    private readonly hierarchy: RoleHierarchy,
    private readonly options: AuthorizationModuleOptions,
    private readonly find: FindPolicy,
  ) {}

  /** @throws TypeError if the route requires an unknown role or permission, or if it is public and has requirements */
  createRule(handler: Handler, controller: Type): RouteRule {
    const getOverride = <T>(key: symbol) => this.reflector.getAllAndOverride<T | undefined>(key, [handler, controller]);
    const getMerged = <T>(key: symbol) =>
      [controller, handler].flatMap((target) => this.reflector.get<readonly T[] | undefined>(key, target) ?? []);
    const roles = getOverride<readonly string[]>(ROUTE_ROLES);
    const permissions = getMerged<PermissionRequirement>(ROUTE_PERMISSIONS);
    const policies = getMerged<PolicyRequirement>(ROUTE_POLICIES);
    const isPublic = hasRouteFlag(this.reflector, PUBLIC_ROUTE, handler, controller);
    const route = `${controller.name}.${handler.name}`;
    const names = permissions.flatMap((requirement) => requirement.names);
    if (isPublic && (roles || names.length > 0 || policies.length > 0)) {
      throw new TypeError(
        `${route} is @Public() and requires roles, permissions or a policy. Callers of a public route are not ` +
          'authenticated. Mark the route @Authenticated(), or remove the requirement.',
      );
    }
    this.validateNames(
      route,
      [...(roles ?? []), ...policies.flatMap(({ policy }) => policy.roles)],
      [...names, ...policies.flatMap(({ policy }) => policy.permissions)],
    );
    const sensitive = this.options.sensitivePermissions ?? [];
    return new RouteRule(
      roles,
      permissions,
      policies.map((requirement) => this.bindPolicy(requirement)),
      getOverride<boolean>(AUDIT_ACCESS) === true || names.some((name) => sensitive.includes(name)),
      getOverride<boolean>(API_KEYS_ALLOWED) ?? names.length > 0,
      isPublic,
    );
  }

  private bindPolicy({ policy, hideAs }: PolicyRequirement): BoundPolicy {
    const detail = 'You are not allowed to do this.';
    return { check: policy.bind(this.find), denial: { reason: 'policy', required: [policy.name], detail, hideAs } };
  }

  private validateNames(route: string, roles: readonly string[], permissions: readonly string[]): void {
    const { hierarchy } = this;
    const role = roles.find((name) => !hierarchy.has(name));
    if (role !== undefined) {
      throw new TypeError(
        `${route} requires the unknown role "${role}". Known roles: ${hierarchy.names.join(', ')}. ` +
          'Add it to the roles of AuthorizationModule, or correct the name.',
      );
    }
    const permission = permissions.find((name) => !hierarchy.isKnownPermission(name));
    if (permission !== undefined) {
      throw new TypeError(
        `${route} requires the unknown permission "${permission}". ` +
          'Add it to the permissions of AuthorizationModule, or correct the name. Wildcards are allowed only in roles.',
      );
    }
  }
}
