import type { Type } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { PUBLIC_ROUTE, routeFlag } from '../guards/index.js';
import {
  API_KEYS_ALLOWED,
  AUDIT_ACCESS,
  PERMISSIONS_OF_ROUTE,
  POLICIES_OF_ROUTE,
  ROLES_OF_ROUTE,
  type PermissionDemand,
  type PolicyDemand,
} from './authorization.decorators.js';
import type { AuthorizationModuleOptions } from './authorization.options.js';
import type { FindPolicy, PolicyCheck } from './policy.js';
import type { Grants, RoleHierarchy } from './role-hierarchy.js';

type Handler = (...args: never[]) => unknown;

/** Why a caller is not let in. */
export interface Denial {
  readonly reason: 'role' | 'permission' | 'policy' | 'api_key';
  /** Names of what is asked for, any or all of them. */
  readonly required: readonly string[];
  readonly detail: string;
  readonly hideAs?: string;
}

export interface BoundPolicy {
  readonly check: PolicyCheck;
  readonly denial: Denial;
}

/** What a route asks for, worked out once. */
export class RouteRule {
  /** What roles and permissions alone decide, by the caller's grants, which callers with the same roles share. */
  private readonly verdicts = new WeakMap<Grants, Denial | null>();

  constructor(
    private readonly roles: readonly string[] | undefined,
    private readonly permissions: readonly PermissionDemand[],
    readonly policies: readonly BoundPolicy[],
    readonly isAudited: boolean,
    readonly acceptsApiKeys: boolean,
    readonly isPublic: boolean,
  ) {}

  /** Whether nothing is asked beyond being known. */
  get isPlain(): boolean {
    return this.roles === undefined && this.permissions.length === 0 && this.policies.length === 0 && !this.isAudited;
  }

  /** Names of all permissions that were asked for, for the audit trail. */
  get permissionNames(): string[] {
    return this.permissions.flatMap(({ names }) => names);
  }

  denialOf(grants: Grants): Denial | null {
    const known = this.verdicts.get(grants);
    if (known !== undefined) return known;
    const denial = this.byRoles(grants) ?? this.byPermissions(grants) ?? null;
    this.verdicts.set(grants, denial);
    return denial;
  }

  private byRoles(grants: Grants): Denial | undefined {
    const { roles } = this;
    if (roles === undefined || roles.some((role) => grants.hasRole(role))) return undefined;
    return { reason: 'role', required: roles, detail: `This needs the role ${roles.join(' or ')}.` };
  }

  private byPermissions(grants: Grants): Denial | undefined {
    for (const { mode, names } of this.permissions) {
      const missing = names.filter((name) => !grants.hasPermission(name));
      if (mode === 'all' ? missing.length === 0 : missing.length < names.length) continue;
      const wanted = mode === 'all' ? missing.join(' and ') : names.join(' or ');
      return { reason: 'permission', required: names, detail: `This needs the permission ${wanted}.` };
    }
    return undefined;
  }
}

/** Turns the decorators of a route into its rule. */
export class RouteRules {
  constructor(
    private readonly reflector: Reflector,
    private readonly hierarchy: RoleHierarchy,
    private readonly options: AuthorizationModuleOptions,
    private readonly find: FindPolicy,
  ) {}

  /** @throws TypeError that names the route: for a role or permission that there is not, or an open route that asks */
  ruleOf(handler: Handler, controller: Type): RouteRule {
    const nearest = <T>(key: symbol) => this.reflector.getAllAndOverride<T | undefined>(key, [handler, controller]);
    const both = <T>(key: symbol) =>
      [controller, handler].flatMap((target) => this.reflector.get<readonly T[] | undefined>(key, target) ?? []);
    const roles = nearest<readonly string[]>(ROLES_OF_ROUTE);
    const permissions = both<PermissionDemand>(PERMISSIONS_OF_ROUTE);
    const policies = both<PolicyDemand>(POLICIES_OF_ROUTE);
    const isPublic = routeFlag(this.reflector, PUBLIC_ROUTE, handler, controller);
    const route = `${controller.name}.${handler.name}`;
    const names = permissions.flatMap((demand) => demand.names);
    if (isPublic && (roles || names.length > 0 || policies.length > 0)) {
      throw new TypeError(
        `${route} is @Public() and asks for roles, permissions or a policy; on a public route nobody is known. ` +
          'Mark it @Authenticated(), or take the demand away.',
      );
    }
    this.checkNames(
      route,
      [...(roles ?? []), ...policies.flatMap(({ policy }) => policy.roles)],
      [...names, ...policies.flatMap(({ policy }) => policy.permissions)],
    );
    const sensitive = this.options.sensitivePermissions ?? [];
    return new RouteRule(
      roles,
      permissions,
      policies.map((demand) => this.bound(demand)),
      nearest<boolean>(AUDIT_ACCESS) === true || names.some((name) => sensitive.includes(name)),
      nearest<boolean>(API_KEYS_ALLOWED) ?? names.length > 0,
      isPublic,
    );
  }

  private bound({ policy, hideAs }: PolicyDemand): BoundPolicy {
    const detail = 'You are not allowed to do this here.';
    return { check: policy.bind(this.find), denial: { reason: 'policy', required: [policy.name], detail, hideAs } };
  }

  private checkNames(route: string, roles: readonly string[], permissions: readonly string[]): void {
    const { hierarchy } = this;
    const role = roles.find((name) => !hierarchy.has(name));
    if (role !== undefined) {
      throw new TypeError(
        `${route} asks for the role "${role}", and there are ${hierarchy.names.join(', ')}. ` +
          'Add it to the roles of AuthorizationModule, or mend the name.',
      );
    }
    const permission = permissions.find((name) => !hierarchy.knowsPermission(name));
    if (permission !== undefined) {
      throw new TypeError(
        `${route} asks for the permission "${permission}", which is none. ` +
          'Add it to the permissions of AuthorizationModule, or mend the name; wildcards are for roles.',
      );
    }
  }
}
