import {
  Injectable,
  Module,
  type CanActivate,
  type ExecutionContext,
  type NestModule,
  type OnModuleInit,
} from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, DiscoveryService, ModuleRef, Reflector } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { moveToFront } from '../common/global-enhancers.js';
import { getRequest, getResponse } from '../context/http-context.js';
import { getRequestContext } from '../context/request-context.js';
import { RequestHooksModule } from '../context/request-hooks.js';
import { hasProblemMembers } from '../problem/problem.js';
import { ProblemModule } from '../problem/problem.module.js';
import { hasRouteFlag, OPERATIONAL_ROUTE } from './route-access.js';
import { RouteMemo } from './route-memo.js';

/**
 * Position of a global guard in the chain. Limits by address run before authentication, because authentication is
 * expensive, and before the port check, so that its 404 responses are limited too. Guards that need the caller's identity
 * run after authentication.
 *
 * @publicApi
 */
export enum GuardOrder {
  Network = 75,
  Address = 100,
  Port = 150,
  Authentication = 200,
  CrossSite = 250,
  Principal = 300,
  Authorization = 400,
  Input = 500,
}

/**
 * Adds a guard provider to the global chain. Nest runs global guards in the order in which modules are imported. The
 * chain runs them by `order`, in any order of imports.
 *
 * @publicApi
 */
export const ChainedGuard = DiscoveryService.createDecorator<{ order: number }>();

/**
 * The only global guard of the library. It runs every {@link ChainedGuard} and awaits only asynchronous guards. It runs
 * before the global guards of the application, so that these see the authenticated user.
 */
@Injectable()
export class GuardChain implements CanActivate, OnModuleInit {
  private guards: CanActivate[] = [];
  private readonly operational: RouteMemo<boolean>;

  constructor(
    private readonly discovery: DiscoveryService,
    reflector: Reflector,
  ) {
    this.operational = new RouteMemo((handler, controller) =>
      hasRouteFlag(reflector, OPERATIONAL_ROUTE, handler, controller),
    );
  }

  onModuleInit(): void {
    this.guards = this.discovery
      .getProviders({ metadataKey: ChainedGuard.KEY })
      .map((wrapper) => ({
        guard: wrapper.instance as CanActivate,
        order: this.discovery.getMetadataByDecorator(ChainedGuard, wrapper)?.order ?? 0,
      }))
      .sort((a, b) => a.order - b.order)
      .map(({ guard }) => guard);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    // A refused probe writes no access line either.
    if (this.operational.get(context)) getRequestContext(getRequest(context)).isOperational = true;
    return this.runFrom(0, context);
  }

  private runFrom(start: number, context: ExecutionContext): boolean | Promise<boolean> {
    try {
      for (let i = start; i < this.guards.length; i++) {
        const verdict = this.guards[i]?.canActivate(context);
        if (verdict === false) return false;
        if (verdict !== true) return this.runAsync(verdict, i + 1, context);
      }
      return true;
    } catch (error) {
      setHeadersOf(error, context);
      throw error;
    }
  }

  private async runAsync(
    pending: ReturnType<CanActivate['canActivate']> | undefined,
    next: number,
    context: ExecutionContext,
  ): Promise<boolean> {
    let isAllowed: boolean | undefined;
    try {
      isAllowed = await (isObservable(pending) ? lastValueFrom(pending, { defaultValue: false }) : pending);
    } catch (error) {
      setHeadersOf(error, context);
      throw error;
    }
    return isAllowed === true && this.runFrom(next, context);
  }
}

/** Sets headers such as `WWW-Authenticate`, so that they are sent whichever exception filter answers. */
function setHeadersOf(error: unknown, context: ExecutionContext): void {
  if (context.getType() !== 'http' || !hasProblemMembers(error)) return;
  const response = getResponse(context);
  if (response.headersSent) return;
  for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
}

/**
 * Registers the {@link GuardChain} as a global guard. Several modules can import it; the guard is registered once.
 *
 * @internal
 */
@Module({
  imports: [DiscoveryModule, ProblemModule, RequestHooksModule],
  providers: [GuardChain, { provide: APP_GUARD, useExisting: GuardChain }],
})
export class GuardChainModule implements NestModule {
  constructor(
    private readonly chain: GuardChain,
    private readonly moduleRef: ModuleRef,
  ) {}

  configure(): void {
    moveToFront(this.moduleRef, 'guards', this.chain);
  }
}
