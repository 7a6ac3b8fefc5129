import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ChainedGuard, MANAGEMENT_ROUTE, OPERATIONAL_ROUTE, hasRouteFlag, RouteMemo } from '../guards/index.js';
import { getRequestContext, getRequest, type AdapterRequest, type RequestContext } from '../context/index.js';
import type { AuditOutcome } from '../ports/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
import { AuditService } from './audit.service.js';

/** This guard runs before all others, so requests that they refuse are recorded too. */
const FIRST_IN_CHAIN = 0;

const TOO_MANY_REQUESTS = 429;

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

type RouteRequest = AdapterRequest & { readonly params?: Readonly<Record<string, string>> };

interface Call {
  readonly context: RequestContext;
  readonly params: Readonly<Record<string, string>>;
  readonly isAdmin: boolean;
  readonly isRecordedCall: boolean;
}

interface RecordedRoute {
  readonly isAdmin: boolean;
  readonly isOperational: boolean;
}

/**
 * Records requests: those of admin routes (`@Management()`) that have caused no other event, and those that the option
 * `requests` selects. It is a guard because a guard knows the route. The event is recorded before the response is sent,
 * when the outcome is known.
 */
@Injectable()
@ChainedGuard({ order: FIRST_IN_CHAIN })
export class RequestAuditGuard implements CanActivate {
  private readonly routes = new RouteMemo((handler, controller): RecordedRoute => {
    const isManagement = hasRouteFlag(this.reflector, MANAGEMENT_ROUTE, handler, controller);
    const isOperational = hasRouteFlag(this.reflector, OPERATIONAL_ROUTE, handler, controller);
    return { isAdmin: isManagement && !isOperational, isOperational };
  });

  constructor(
    private readonly reflector: Reflector,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly audit: AuditService,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const { isAdmin, isOperational } = this.routes.get(context);
    const request = getRequest<RouteRequest>(context);
    const isRecordedCall = !isOperational && this.shouldRecordCall(request.method);
    if (!isAdmin && !isRecordedCall) return true;
    const call = { context: getRequestContext(request), params: { ...request.params }, isAdmin, isRecordedCall };
    call.context.beforeResponse((status) => this.record(call, status));
    return true;
  }

  private shouldRecordCall(method: string): boolean {
    const { requests } = this.settings;
    return requests === 'all' || (requests === 'mutating' && !SAFE_METHODS.has(method));
  }

  private record({ context, params, isAdmin, isRecordedCall }: Call, status: number): void {
    // The throttler records these requests as streaks.
    if (status === TOO_MANY_REQUESTS) return;
    const outcome = outcomeOf(status);
    const metadata = { status, params };
    if (isAdmin && this.isUnrecordedAdminAction(context, outcome))
      this.audit.record({ action: 'admin.action', outcome, metadata });
    if (isRecordedCall) this.audit.record({ action: 'api.request', outcome, metadata });
  }

  /**
   * A denied request did nothing, and the guard has recorded it. An unauthenticated caller with a failure has not
   * passed the guards.
   */
  private isUnrecordedAdminAction(context: RequestContext, outcome: AuditOutcome): boolean {
    if (outcome === 'denied' || this.audit.hasRecorded(context, outcome)) return false;
    return outcome === 'success' || context.principal !== undefined;
  }
}

function outcomeOf(status: number): AuditOutcome {
  if (status < 400) return 'success';
  return status === 401 || status === 403 ? 'denied' : 'failure';
}
