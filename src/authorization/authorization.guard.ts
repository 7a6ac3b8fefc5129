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
import { requestOf } from '../context/index.js';
import { AccessControl } from './access-control.js';
import { AUTHORIZATION_OPTIONS, type AuthorizationModuleOptions } from './authorization.options.js';
import type { Access, RouteRequest } from './policy.js';
import type { Grants } from './role-hierarchy.js';
import { RouteRules, type BoundPolicy, type Denial, type RouteRule } from './route-rule.js';

const KEY_REFUSED: Denial = {
  reason: 'api_key',
  required: [],
  detail: 'API keys are not accepted here. Log in, and use an access token.',
};

/**
 * Holds callers to `@Roles()`, `@Permissions()` and `@Authorize()`. What roles and permissions decide is worked out once
 * for each route and set of roles; a request costs two look-ups, and waits for nothing but a policy that takes time.
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
    this.rules = new RouteMemo((handler, controller) => rules.ruleOf(handler, controller));
    this.denials = metrics.counter({
      name: 'access_denied_total',
      help: 'Requests of known callers that were refused, by what they lacked.',
      labelNames: ['reason'],
    });
    for (const reason of ['role', 'permission', 'policy', 'api_key']) this.denials.labels({ reason }).add(0);
  }

  /** Works out every route at start, so that a demand for what there is not fails then, and not at a request. */
  onModuleInit(): void {
    const scanner = new MetadataScanner();
    for (const { metatype, instance } of this.discovery.getControllers()) {
      if (typeof metatype !== 'function' || !instance) continue;
      const prototype = Object.getPrototypeOf(instance) as Record<string, (...args: never[]) => unknown>;
      for (const name of scanner.getAllMethodNames(prototype)) {
        const handler = prototype[name];
        if (handler && Reflect.hasMetadata('path', handler)) this.rules.of(handler, metatype as Type);
      }
    }
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rule = this.rules.get(context);
    const request = requestOf<RouteRequest | undefined>(context);
    const principal = request?.user;
    if (principal?.apiKey !== undefined && !rule.acceptsApiKeys && !rule.isPublic) this.refuse(KEY_REFUSED);
    if (rule.isPlain) return true;
    const grants = this.access.grantsOf(principal);
    const denial = rule.denialOf(grants);
    if (denial) this.refuse(denial);
    if (rule.policies.length === 0) return this.admit(rule);
    // A guard of another transport may have let somebody in who is no principal of ours.
    if (!principal) this.refuse(rule.policies[0]?.denial ?? KEY_REFUSED);
    return this.ask(rule, 0, accessOf(request as RouteRequest, grants));
  }

  private ask(rule: RouteRule, start: number, access: Access): boolean | Promise<boolean> {
    for (let i = start; i < rule.policies.length; i++) {
      const { check, denial } = rule.policies[i] as BoundPolicy;
      const verdict = check(access);
      if (verdict instanceof Promise) {
        return verdict.then((late) => (late === true ? this.ask(rule, i + 1, access) : this.refuse(denial)));
      }
      if (verdict !== true) this.refuse(denial);
    }
    return this.admit(rule);
  }

  private admit(rule: RouteRule): true {
    if (rule.isAudited) {
      const metadata = {
        permissions: rule.permissionNames,
        policies: rule.policies.flatMap(({ denial }) => denial.required),
      };
      this.audit.record({ action: 'access.granted', outcome: 'success', metadata });
    }
    return true;
  }

  private refuse({ reason, required, detail, hideAs }: Denial): never {
    this.denials.labels({ reason }).add();
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { reason, required } });
    if (hideAs !== undefined) throw new ProblemException('NOT_FOUND', hideAs);
    throw new ProblemException(reason === 'api_key' ? 'API_KEY_NOT_ACCEPTED' : 'ACCESS_DENIED', detail);
  }
}

function accessOf(request: RouteRequest, grants: Grants): Access {
  return {
    principal: request.user as Access['principal'],
    request,
    hasRole: (role) => grants.hasRole(role),
    hasPermission: (permission) => grants.hasPermission(permission),
  };
}
