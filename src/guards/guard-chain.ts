import { Injectable, Module, type CanActivate, type ExecutionContext, type OnModuleInit } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { getSingleton } from '../common/singleton.js';
import { RequestContextHook } from '../context/request-context.hook.js';

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

/** The only global guard of the library. It runs every {@link ChainedGuard} and awaits only asynchronous guards. */
@Injectable()
export class GuardChain implements CanActivate, OnModuleInit {
  private guards: CanActivate[] = [];

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    this.guards = this.discovery
      .getProviders({ metadataKey: ChainedGuard.KEY })
      .map((wrapper) => ({
        guard: getSingleton<CanActivate>(wrapper, '@ChainedGuard()'),
        order: this.discovery.getMetadataByDecorator(ChainedGuard, wrapper)?.order ?? 0,
      }))
      .sort((a, b) => a.order - b.order)
      .map(({ guard }) => guard);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return this.runFrom(0, context);
  }

  private runFrom(start: number, context: ExecutionContext): boolean | Promise<boolean> {
    for (let i = start; i < this.guards.length; i++) {
      const verdict = this.guards[i]?.canActivate(context);
      if (verdict === false) return false;
      if (verdict !== true) return this.runAsync(verdict, i + 1, context);
    }
    return true;
  }

  private async runAsync(
    pending: ReturnType<CanActivate['canActivate']> | undefined,
    next: number,
    context: ExecutionContext,
  ): Promise<boolean> {
    const verdict = isObservable(pending) ? lastValueFrom(pending, { defaultValue: false }) : pending;
    return (await verdict) === true && this.runFrom(next, context);
  }
}

/** Registers the {@link GuardChain} as a global guard. Several modules can import it; the guard is registered once. */
@Module({
  imports: [DiscoveryModule],
  providers: [{ provide: APP_GUARD, useClass: GuardChain }, RequestContextHook],
})
export class GuardChainModule {}
