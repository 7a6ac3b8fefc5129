import {
  applyDecorators,
  HttpException,
  Injectable,
  Optional,
  SetMetadata,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { tap, type Observable } from 'rxjs';
import { AuditTrail, NoAuditTrail, type AuditDelivery, type AuditOutcome, type AuditSeverity } from '../ports/index.js';
import { RouteMemo } from '../guards/index.js';
import type { AdapterRequest } from '../context/index.js';

type RouteRequest = AdapterRequest & { readonly params?: Readonly<Record<string, string>> };

/** @publicApi */
export interface AuditedOptions {
  /** Dotted name, such as `wallet.debit`. */
  action: string;
  /**
   * Target of the action: a text with route parameters in braces, such as `wallet:{id}`, or a function.
   * @default none
   */
  target?: string | ((request: RouteRequest) => string | undefined);
  /** @default INFO on success, WARNING otherwise */
  severity?: AuditSeverity;
  /** @default by severity and action */
  delivery?: AuditDelivery;
}

const AUDITED = Symbol('bulwark.audited');

/** Records the call of a handler and its outcome. A refused request does not get here; the guard records it. */
@Injectable()
class AuditedInterceptor implements NestInterceptor {
  private readonly routes = new RouteMemo((handler) => new Reflector().get<AuditedOptions>(AUDITED, handler));

  constructor(@Optional() private readonly audit: AuditTrail = new NoAuditTrail()) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { target, ...options } = this.routes.get(context);
    const request = context.switchToHttp().getRequest<RouteRequest>();
    const record = (outcome: AuditOutcome, metadata = {}) =>
      this.audit.record({ ...options, outcome, metadata, target: targetOf(target, request) });
    return next.handle().pipe(
      tap({
        error: (error: unknown) => record(outcomeOf(error), { error: error instanceof Error ? error.name : 'unknown' }),
        complete: () => record('success'),
      }),
    );
  }
}

/**
 * Records an audit event for each call of a handler: caller, action, target and outcome. Routes without the decorator
 * have no extra cost.
 *
 * @publicApi
 */
export function Audited(options: AuditedOptions): MethodDecorator {
  return applyDecorators(SetMetadata(AUDITED, options), UseInterceptors(AuditedInterceptor));
}

function targetOf(target: AuditedOptions['target'], request: RouteRequest): string | undefined {
  if (typeof target === 'function') return target(request);
  return target?.replace(/\{(\w+)\}/g, (_all, name: string) => request.params?.[name] ?? '');
}

function outcomeOf(error: unknown): AuditOutcome {
  const status = error instanceof HttpException ? error.getStatus() : 500;
  return status === 401 || status === 403 ? 'denied' : 'failure';
}
