import { Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { AuditTrail, NoAuditTrail } from '../ports/index.js';
import { ChainedGuard, GuardOrder } from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import { getRequest } from '../context/index.js';
import { AccessControl } from './access-control.js';
import { AuthorizationRules } from './authorization.rules.js';
import type { Access, RouteRequest } from './policy.js';
import type { Grants } from './role-hierarchy.js';
import type { BoundPolicy, Denial, RouteRule } from './route-rule.js';

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
export class AuthorizationGuard implements CanActivate {
  constructor(
    private readonly access: AccessControl,
    private readonly rules: AuthorizationRules,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rule = this.rules.getRule(context);
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
    this.rules.countDenial(reason);
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
