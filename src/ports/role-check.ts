import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { AuditTrail } from './audit-trail.js';
import type { Principal } from '../context/principal.js';
import { ProblemException } from '../problem/problem.js';
import { requestOf } from '../context/http-context.js';

/**
 * Knows which roles a caller has. AuthorizationModule binds it, so that a role counts for those that it inherits; where
 * nothing does, {@link NamedRoles} stands in.
 *
 * @publicApi
 */
export abstract class RoleCheck {
  abstract hasRole(principal: Principal, role: string): boolean;
}

/** Each role stands for itself alone. */
export class NamedRoles extends RoleCheck {
  hasRole({ roles }: Principal, role: string): boolean {
    return roles.includes(role);
  }
}

/**
 * Closes routes to all but one role. It asks the principal itself, so that it holds whichever module authenticates, and
 * without AuthorizationModule.
 */
export abstract class RoleGuard implements CanActivate {
  protected constructor(
    private readonly role: string,
    private readonly roles: RoleCheck,
    private readonly audit: AuditTrail,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const { user } = requestOf(context);
    if (user && this.roles.hasRole(user, this.role)) return true;
    const metadata = { reason: 'role', required: [this.role] };
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata });
    throw new ProblemException('ACCESS_DENIED', `This needs the role ${this.role}.`);
  }
}
