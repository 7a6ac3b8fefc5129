import { Inject, Injectable, Module, Scope, type ModuleMetadata, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule, NestFactory, REQUEST } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { ChainedGuard, GuardChainModule } from '../../src/guards/index.js';
import { HealthCheckOf, HealthModule } from '../../src/health/index.js';
import { PeriodicTask, PeriodicTasksModule } from '../../src/periodic-tasks/index.js';
import { RunHistory } from '../../src/production-test/run-history.js';
import { RUN_TIMEOUT_MS, SelfTest } from '../../src/production-test/self-test.js';
import { SelfTestRunner } from '../../src/production-test/self-test.runner.js';
import { OnShutdown, ShutdownModule, ShutdownPhase } from '../../src/shutdown/index.js';

type Imports = NonNullable<ModuleMetadata['imports']>;

/** Each decorator with the modules that find its providers. */
const decorators: Record<string, { decorate: (target: Type) => void; imports: Imports; providers?: Provider[] }> = {
  '@OnShutdown()': {
    decorate: OnShutdown({ phase: ShutdownPhase.Flush }),
    imports: [ShutdownModule.forRoot({})],
  },
  '@HealthCheckOf()': { decorate: HealthCheckOf({ key: 'marked' }), imports: [HealthModule.forRoot({})] },
  '@ChainedGuard()': { decorate: ChainedGuard({ order: 1 }), imports: [GuardChainModule] },
  '@PeriodicTask() (Marked.run)': {
    decorate: ({ prototype }) =>
      PeriodicTask({ everyMs: 1_000, scope: 'replica' })(
        prototype,
        'run',
        Object.getOwnPropertyDescriptor(prototype, 'run') as PropertyDescriptor,
      ),
    imports: [PeriodicTasksModule.forRoot({})],
  },
  '@SelfTest()': {
    decorate: SelfTest(),
    imports: [DiscoveryModule],
    providers: [SelfTestRunner, { provide: RunHistory, useValue: {} }, { provide: RUN_TIMEOUT_MS, useValue: 1_000 }],
  },
};

const scopes: Record<string, () => Type> = {
  'of request scope': () => {
    @Injectable({ scope: Scope.REQUEST })
    class Marked {
      run(): void {}
    }
    return Marked;
  },
  'of transient scope': () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Marked {
      run(): void {}
    }
    return Marked;
  },
  'that depends on the request': () => {
    @Injectable()
    class Marked {
      constructor(@Inject(REQUEST) readonly request: unknown) {}
      run(): void {}
    }
    return Marked;
  },
};

describe.each(Object.entries(decorators))('a provider with %s', (decorator, { decorate, imports, providers = [] }) => {
  it.each(Object.entries(scopes))('%s stops the start with its name and the remedy', async (_scope, createProvider) => {
    const Marked = createProvider();
    decorate(Marked);
    @Module({ imports, providers: [Marked, ...providers] })
    class ConsumerModule {}
    const start = async () => {
      const app = await NestFactory.create(ConsumerModule, { logger: false, abortOnError: false });
      await app.init();
    };
    await expect(start).rejects.toThrow(
      `Marked of ConsumerModule is marked with ${decorator}, but it is not a singleton: it has request or transient ` +
        'scope, or depends on a provider that has.\n' +
        '  → give it the default scope. Inject ModuleRef, and call moduleRef.resolve() in the method',
    );
  });
});
