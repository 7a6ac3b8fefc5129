import { Inject, Injectable, type CanActivate, type ExecutionContext, type OnModuleInit } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { getRequest, type AdapterRequest, type Principal, type PrincipalResolver } from '../context/index.js';
import {
  ChainedGuard,
  createMissingTokenProblem,
  GuardOrder,
  hasRouteFlag,
  PUBLIC_ROUTE,
  RouteMemo,
} from '../guards/index.js';
import { TEST_AUTH_OPTIONS, type TestAuthModuleOptions } from './test-auth.options.js';
import { TestGrants } from './test-grants.js';
import { parseTestPrincipal, TEST_PRINCIPAL_HEADER } from './test-principal.js';

/** Authenticates every request as the principal that the test names. It has the place of JwtAuthGuard in the guard chain. */
@Injectable()
@ChainedGuard({ order: GuardOrder.Authentication })
export class TestAuthGuard implements CanActivate, PrincipalResolver, OnModuleInit {
  private readonly isPublic = new RouteMemo((handler, controller) =>
    hasRouteFlag(this.reflector, PUBLIC_ROUTE, handler, controller),
  );

  constructor(
    private readonly reflector: Reflector,
    private readonly grants: TestGrants,
    @Inject(TEST_AUTH_OPTIONS) private readonly options: TestAuthModuleOptions,
  ) {}

  /** @throws Error outside of tests, because the header of a request chooses its caller */
  onModuleInit(): void {
    if (process.env['NODE_ENV'] !== 'test') {
      throw new Error(
        'TestAuthModule lets every client choose its roles, so it starts only in tests.\n' +
          '  → in a test, set NODE_ENV=test; Vitest and Jest set it themselves\n' +
          '  → in an application, import AuthModule of nest-bulwark/auth',
      );
    }
    if (this.options.as) this.grants.createPrincipal(this.options.as);
  }

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http' || this.isPublic.get(context)) return true;
    const request = getRequest(context);
    const principal = this.findPrincipal(request);
    if (!principal) throw createMissingTokenProblem();
    request.user = principal;
    return true;
  }

  async resolve(request: AdapterRequest): Promise<Principal | undefined> {
    try {
      return this.findPrincipal(request);
    } catch {
      return undefined;
    }
  }

  private findPrincipal(request: AdapterRequest): Principal | undefined {
    const header = request.headers[TEST_PRINCIPAL_HEADER];
    const given = typeof header === 'string' ? parseTestPrincipal(header) : this.options.as;
    return given && this.grants.createPrincipal(given);
  }
}
