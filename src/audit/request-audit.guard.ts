import {
  Inject,
  Injectable,
  SetMetadata,
  type CanActivate,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  ChainedGuard,
  contextOf,
  MANAGEMENT_ROUTE,
  OPERATIONAL_ROUTE,
  requestOf,
  routeFlag,
  RouteMemo,
  type AdapterRequest,
  type AuditOutcome,
} from '../common/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
import { AuditService } from './audit.service.js';
import { AUDITED } from './audited.decorator.js';

/** Before all others, so that what they refuse is a request, too. */
const FIRST = 0;

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

const RECORDS_ITSELF = Symbol('bulwark.recordsItself');

/** Of a route of administration whose handler records what it does, and says more than `admin.action` could. @internal */
export function RecordsItself(): CustomDecorator<symbol> {
  return SetMetadata(RECORDS_ITSELF, true);
}

type RouteRequest = AdapterRequest & { readonly params?: Readonly<Record<string, string>> };

interface RecordedRoute {
  readonly isAdmin: boolean;
  readonly isOperational: boolean;
}

/**
 * Records calls as such: those of administration (`@Management()`) always, others where told so. It is a guard only to
 * learn of the route; the event is recorded when the answer is about to go out, and says how it went.
 */
@Injectable()
@ChainedGuard({ order: FIRST })
export class RequestAuditGuard implements CanActivate {
  private readonly routes = new RouteMemo((handler, controller): RecordedRoute => {
    const isManagement = routeFlag(this.reflector, MANAGEMENT_ROUTE, handler, controller);
    const isOperational = routeFlag(this.reflector, OPERATIONAL_ROUTE, handler, controller);
    const isAudited = [AUDITED, RECORDS_ITSELF].some((key) => this.reflector.get<unknown>(key, handler) !== undefined);
    return { isAdmin: isManagement && !isOperational && !isAudited, isOperational };
  });

  constructor(
    private readonly reflector: Reflector,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly audit: AuditService,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const { isAdmin, isOperational } = this.routes.get(context);
    const request = requestOf<RouteRequest>(context);
    const isCall = !isOperational && this.recordsCall(request.method);
    if (isAdmin || isCall) contextOf(request).beforeAnswer((status) => this.record(request, status, isAdmin, isCall));
    return true;
  }

  private recordsCall(method: string): boolean {
    const { requests } = this.settings;
    return requests === 'all' || (requests === 'mutating' && !READING.has(method));
  }

  private record(request: RouteRequest, status: number, isAdmin: boolean, isCall: boolean): void {
    const outcome = outcomeOf(status);
    const metadata = { status, params: { ...request.params } };
    // A refusal is no action; whoever refused has recorded it.
    if (isAdmin && outcome !== 'denied') this.audit.record({ action: 'admin.action', outcome, metadata });
    if (isCall) this.audit.record({ action: 'api.request', outcome, severity: 'INFO', metadata });
  }
}

function outcomeOf(status: number): AuditOutcome {
  if (status < 400) return 'success';
  return status === 401 || status === 403 ? 'denied' : 'failure';
}
