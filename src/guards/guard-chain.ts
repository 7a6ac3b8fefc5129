import {
  Injectable,
  Module,
  type CanActivate,
  type ExecutionContext,
  type NestModule,
  type OnModuleInit,
} from '@nestjs/common';
import { ApplicationConfig, APP_GUARD, DiscoveryModule, DiscoveryService, Reflector } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { moveToFront } from '../common/global-enhancers.js';
import { getSingleton } from '../common/singleton.js';
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
      .map((wrapper) => ({ guard: findGuard(wrapper), order: this.getOrder(wrapper) }))
      .sort((a, b) => a.order - b.order)
      .map(({ guard }) => guard);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    // A refused probe writes no access line either.
    if (this.operational.get(context)) getRequestContext(getRequest(context)).isOperational = true;
    return this.runFrom(0, context);
  }

  /** A test may have replaced a guard by an object without the decorator. It keeps the position of the guard. */
  private getOrder(wrapper: Provider): number {
    const { token } = wrapper;
    const own = this.discovery.getMetadataByDecorator(ChainedGuard, findProvider(wrapper));
    const replaced =
      typeof token === 'function' ? (Reflect.getMetadata(ChainedGuard.KEY, token) as typeof own) : undefined;
    return (own ?? replaced)?.order ?? 0;
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

type Provider = ReturnType<DiscoveryService['getProviders']>[number];

/** The provider of a guard, or its replacement by `overrideGuard()` of @nestjs/testing. */
function findGuard(wrapper: Provider): CanActivate {
  const { host, token } = wrapper;
  const overridable = host?.injectables.get(token);
  const isReplaced = overridable !== undefined && overridable.metatype !== token;
  return getSingleton<CanActivate>(isReplaced ? overridable : findProvider(wrapper), '@ChainedGuard()');
}

/** The current record of a provider. Nest replaces records after it has collected those of the decorator. */
function findProvider(wrapper: Provider): Provider {
  return wrapper.host?.providers.get(wrapper.token) ?? wrapper;
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
    private readonly config: ApplicationConfig,
  ) {}

  configure(): void {
    moveToFront(this.config, 'guards', this.chain);
  }
}
