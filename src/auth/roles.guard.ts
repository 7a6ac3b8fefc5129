import { Injectable, Optional, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  AuditTrail,
  ChainedGuard,
  GuardOrder,
  NoAuditTrail,
  ProblemException,
  RouteMemo,
  type AdapterRequest,
} from '../common/index.js';
import type { Role } from '../users/index.js';

const REQUIRED_ROLES = Symbol('bulwark.roles');

/**
 * Closes a route or controller to callers with none of the roles.
 *
 * @publicApi
 */
export function Roles(...roles: [Role, ...Role[]]): MethodDecorator & ClassDecorator {
  return SetMetadata(REQUIRED_ROLES, roles);
}

/** @publicApi */
@Injectable()
@ChainedGuard({ order: GuardOrder.Authorization })
export class RolesGuard implements CanActivate {
  private readonly required = new RouteMemo((handler, controller) =>
    this.reflector.getAllAndOverride<Role[] | undefined>(REQUIRED_ROLES, [handler, controller]),
  );

  constructor(
    private readonly reflector: Reflector,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const required = this.required.get(context);
    if (required === undefined) return true;
    const roles = context.switchToHttp().getRequest<AdapterRequest>().user?.roles ?? [];
    if (required.some((role) => roles.includes(role))) return true;
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { required } });
    throw new ProblemException('ACCESS_DENIED', `This needs the role ${required.join(' or ')}.`);
  }
}
