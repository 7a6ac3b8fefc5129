import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ChainedGuard, MANAGEMENT_ROUTE, OPERATIONAL_ROUTE, hasRouteFlag, RouteMemo } from '../guards/index.js';
import { getRequestContext, getRequest, type AdapterRequest, type RequestContext } from '../context/index.js';
import type { AuditOutcome } from '../ports/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
import { AuditService } from './audit.service.js';

/** Before all others, so that what they refuse is a request, too. */
const FIRST = 0;

const TOO_MANY_REQUESTS = 429;

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

type RouteRequest = AdapterRequest & { readonly params?: Readonly<Record<string, string>> };

interface Call {
  readonly context: RequestContext;
  readonly params: Readonly<Record<string, string>>;
  readonly isAdmin: boolean;
  readonly isCall: boolean;
}

interface RecordedRoute {
  readonly isAdmin: boolean;
  readonly isOperational: boolean;
}

/**
 * Records calls as such: those of administration (`@Management()`) for which no other event says what was done, and
 * others where told so. It is a guard only to learn of the route; the event is recorded when the answer is about to go
 * out, and says how it went.
 */
@Injectable()
@ChainedGuard({ order: FIRST })
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
    const isCall = !isOperational && this.recordsCall(request.method);
    if (!isAdmin && !isCall) return true;
    const call = { context: getRequestContext(request), params: { ...request.params }, isAdmin, isCall };
    call.context.beforeResponse((status) => this.record(call, status));
    return true;
  }

  private recordsCall(method: string): boolean {
    const { requests } = this.settings;
    return requests === 'all' || (requests === 'mutating' && !READING.has(method));
  }

  private record({ context, params, isAdmin, isCall }: Call, status: number): void {
    // The throttler records refused calls as streaks.
    if (status === TOO_MANY_REQUESTS) return;
    const outcome = outcomeOf(status);
    const metadata = { status, params };
    if (isAdmin && this.isAct(context, outcome)) this.audit.record({ action: 'admin.action', outcome, metadata });
    if (isCall) this.audit.record({ action: 'api.request', outcome, metadata });
  }

  /** A refusal is no act, and its guard has recorded it. A caller without a name has not passed the guards either. */
  private isAct(context: RequestContext, outcome: AuditOutcome): boolean {
    if (outcome === 'denied' || this.audit.hasRecorded(context, outcome)) return false;
    return outcome === 'success' || context.principal !== undefined;
  }
}

function outcomeOf(status: number): AuditOutcome {
  if (status < 400) return 'success';
  return status === 401 || status === 403 ? 'denied' : 'failure';
}
