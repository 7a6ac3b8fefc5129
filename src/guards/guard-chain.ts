import { Injectable, Module, type CanActivate, type ExecutionContext, type OnModuleInit } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { RequestContextHook } from '../context/request-context.hook.js';

/**
 * Where in the chain a global guard runs. Addresses are limited before the cost of authentication is paid, and before a
 * port answers that it does not serve a route; what depends on who is asking comes after it.
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
 * Marks a guard provider as one link of the global chain. Nest runs global guards in the order in which modules happen
 * to be imported; the chain runs them in the order that is written here, whoever imports what.
 *
 * @publicApi
 */
export const ChainedGuard = DiscoveryService.createDecorator<{ order: number }>();

/** The one global guard of the suite: runs every {@link ChainedGuard}, awaiting only what really is asynchronous. */
@Injectable()
export class GuardChain implements CanActivate, OnModuleInit {
  private guards: CanActivate[] = [];

  constructor(private readonly discovery: DiscoveryService) {}

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

/** Registers the {@link GuardChain} as a global guard, once, whichever modules import it. */
@Module({
  imports: [DiscoveryModule],
  providers: [{ provide: APP_GUARD, useClass: GuardChain }, RequestContextHook],
})
export class GuardChainModule {}
