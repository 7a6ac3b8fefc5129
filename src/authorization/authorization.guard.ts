import {
  Inject,
  Injectable,
  Optional,
  type CanActivate,
  type ExecutionContext,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModuleRef, Reflector } from '@nestjs/core';
import { AuditTrail, Metrics, NoAuditTrail, NoMetrics, type Counter, type MetricFamily } from '../ports/index.js';
import { ChainedGuard, GuardOrder, RouteMemo } from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import { getRequest } from '../context/index.js';
import { AccessControl } from './access-control.js';
import { AUTHORIZATION_OPTIONS, type AuthorizationModuleOptions } from './authorization.options.js';
import type { Access, RouteRequest } from './policy.js';
import type { Grants } from './role-hierarchy.js';
import { RouteRules, type BoundPolicy, type Denial, type RouteRule } from './route-rule.js';

const API_KEY_DENIAL: Denial = {
  reason: 'api_key',
  required: [],
  detail: 'API keys are not accepted here. Log in, and use an access token.',
};

/**
 * Enforces `@Roles()`, `@Permissions()` and `@Authorize()`. The decision by roles and permissions is computed once for each
 * route and set of roles, so a request needs only two look-ups. Only asynchronous policies are awaited.
 *
 * @publicApi
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.Authorization })
export class AuthorizationGuard implements CanActivate, OnModuleInit {
  private readonly rules: RouteMemo<RouteRule>;
  private readonly denials: MetricFamily<Counter>;

  constructor(
    private readonly access: AccessControl,
    private readonly discovery: DiscoveryService,
    reflector: Reflector,
    modules: ModuleRef,
    @Optional() @Inject(AUTHORIZATION_OPTIONS) options: AuthorizationModuleOptions = {},
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    const find = <T>(type: Type<T>): T => modules.get(type, { strict: false });
    const rules = new RouteRules(reflector, access.hierarchy, options, find);
    this.rules = new RouteMemo((handler, controller) => rules.createRule(handler, controller));
    this.denials = metrics.counter({
      name: 'access_denied_total',
      help: 'Denied requests of authenticated callers, by reason.',
      labelNames: ['reason'],
    });
    for (const reason of ['role', 'permission', 'policy', 'api_key']) this.denials.labels({ reason }).add(0);
  }

  /** Creates the rules of all routes at start, so that an unknown role or permission fails the start and not a request. */
  onModuleInit(): void {
    const scanner = new MetadataScanner();
    for (const { metatype, instance } of this.discovery.getControllers()) {
      if (typeof metatype !== 'function' || !instance) continue;
      const prototype = Object.getPrototypeOf(instance) as Record<string, (...args: never[]) => unknown>;
      for (const name of scanner.getAllMethodNames(prototype)) {
        const handler = prototype[name];
        if (handler && Reflect.hasMetadata('path', handler)) this.rules.getForRoute(handler, metatype as Type);
      }
    }
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rule = this.rules.get(context);
    const request = getRequest<RouteRequest | undefined>(context);
    const principal = request?.user;
    if (principal?.apiKey !== undefined && !rule.allowsApiKeys && !rule.isPublic) this.deny(API_KEY_DENIAL);
    if (rule.needsOnlyAuthentication) return true;
    const grants = this.access.getGrants(principal);
    const denial = rule.getDenial(grants);
    if (denial) this.deny(denial);
    if (rule.policies.length === 0) return this.allow(rule);
    // A guard of another transport may allow a caller without a principal. Policies need a principal.
    if (!principal) this.deny(rule.policies[0]?.denial ?? API_KEY_DENIAL);
    return this.checkPolicies(rule, 0, createAccess(request as RouteRequest, grants));
  }

  private checkPolicies(rule: RouteRule, start: number, access: Access): boolean | Promise<boolean> {
    for (let i = start; i < rule.policies.length; i++) {
      const { check, denial } = rule.policies[i] as BoundPolicy;
      const verdict = check(access);
      if (verdict instanceof Promise) {
        return verdict.then((late) => (late === true ? this.checkPolicies(rule, i + 1, access) : this.deny(denial)));
      }
      if (verdict !== true) this.deny(denial);
    }
    return this.allow(rule);
  }

  private allow(rule: RouteRule): true {
    if (rule.isAudited) {
      const metadata = {
        permissions: rule.permissionNames,
        policies: rule.policies.flatMap(({ denial }) => denial.required),
      };
      this.audit.record({ action: 'access.granted', outcome: 'success', metadata });
    }
    return true;
  }

  private deny({ reason, required, detail, hideAs }: Denial): never {
    this.denials.labels({ reason }).add();
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { reason, required } });
    if (hideAs !== undefined) throw new ProblemException('NOT_FOUND', hideAs);
    throw new ProblemException(reason === 'api_key' ? 'API_KEY_NOT_ACCEPTED' : 'ACCESS_DENIED', detail);
  }
}

function createAccess(request: RouteRequest, grants: Grants): Access {
  return {
    principal: request.user as Access['principal'],
    request,
    hasRole: (role) => grants.hasRole(role),
    hasPermission: (permission) => grants.hasPermission(permission),
  };
}
