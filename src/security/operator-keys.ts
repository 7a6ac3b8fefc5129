import { Inject, Injectable, SetMetadata, type CanActivate, type CustomDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ChainedGuard, GuardOrder, RouteMemo } from '../guards/index.js';
import { getClientAddress, getRequestContext, getRequest, type AdapterRequest } from '../context/index.js';
import { ProblemException } from '../problem/index.js';
import { isPlainObject } from '../validation/index.js';
import { SECURITY_SETTINGS, type SecuritySettings } from './security.options.js';
import { SecurityReports } from './security-reports.js';

const REFUSE_OPERATORS = Symbol('bulwark.refuseOperators');

/** The parsed body and query, as on both adapters. */
interface ParsedRequest extends AdapterRequest {
  readonly body?: unknown;
  readonly query?: unknown;
}

/**
 * Rejects names in bodies and queries that MongoDB and similar databases read as operators or paths: names that begin with
 * `$` or contain a dot. For example, `{"password": {"$ne": null}}` would match every password.
 *
 * @publicApi
 */
export function RefuseOperators(isRefused = true): CustomDecorator<symbol> {
  return SetMetadata(REFUSE_OPERATORS, isRefused);
}

/** @throws ProblemException `VALIDATION_FAILED` with the path of the first such name */
export function assertNoOperatorNames(value: unknown): void {
  const pending: { value: unknown; path: string }[] = [{ value, path: '' }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (!Array.isArray(next.value) && !isPlainObject(next.value)) continue;
    for (const [key, inner] of Object.entries(next.value)) {
      const path = next.path === '' ? key : `${next.path}.${key}`;
      if (key.startsWith('$') || key.includes('.')) throw createOperatorProblem(path);
      pending.push({ value: inner, path });
    }
  }
}

function createOperatorProblem(path: string): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'Remove the fields listed in "errors".', {
    errors: [{ path: path.slice(-200), code: 'operatorName', message: 'the name is a database operator or a path' }],
  });
}

/** Applies {@link RefuseOperators} to bodies and queries, after authentication and authorization. */
@Injectable()
@ChainedGuard({ order: GuardOrder.Input })
export class OperatorKeysGuard implements CanActivate {
  private readonly refusesOperators = new RouteMemo(
    (handler, controller) =>
      this.reflector.getAllAndOverride<boolean | undefined>(REFUSE_OPERATORS, [handler, controller]) ??
      this.settings.refuseOperators ??
      false,
  );

  constructor(
    private readonly reflector: Reflector,
    @Inject(SECURITY_SETTINGS) private readonly settings: SecuritySettings,
    private readonly reports: SecurityReports,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http' || !this.refusesOperators.get(context)) return true;
    const request = getRequest<ParsedRequest>(context);
    try {
      assertNoOperatorNames(request.body);
      assertNoOperatorNames(request.query);
    } catch (error) {
      this.reports.report('operators', getClientAddress(request) ?? 'unknown', {
        route: getRequestContext(request).route,
      });
      throw error;
    }
    return true;
  }
}
