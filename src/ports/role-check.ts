import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { AuditTrail } from './audit-trail.js';
import type { Principal } from '../context/principal.js';
import { ProblemException } from '../problem/problem.js';
import { getRequest } from '../context/http-context.js';

/**
 * Port that checks the roles of a caller. AuthorizationModule provides an implementation that includes inherited roles.
 * Without AuthorizationModule, {@link ExactRoleCheck} is used.
 *
 * @publicApi
 */
export abstract class RoleCheck {
  abstract hasRole(principal: Principal, role: string): boolean;
}

/** Checks only the roles that the principal has by name. It knows no inherited roles. */
export class ExactRoleCheck extends RoleCheck {
  hasRole({ roles }: Principal, role: string): boolean {
    return roles.includes(role);
  }
}

/**
 * Allows only callers with one role. It reads the principal from the request, so it works with any authentication module
 * and without AuthorizationModule.
 */
export abstract class RoleGuard implements CanActivate {
  protected constructor(
    private readonly role: string,
    private readonly roles: RoleCheck,
    private readonly audit: AuditTrail,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const { user } = getRequest(context);
    if (user && this.roles.hasRole(user, this.role)) return true;
    const metadata = { reason: 'role', required: [this.role] };
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata });
    throw new ProblemException('ACCESS_DENIED', `This route needs the role ${this.role}.`);
  }
}
