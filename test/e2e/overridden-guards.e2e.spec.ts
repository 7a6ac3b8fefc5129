import {
  Controller,
  Get,
  Injectable,
  Module,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AuthModule, CurrentUser, JwtAuthGuard } from '../../src/auth/index.js';
import { Roles } from '../../src/authorization/index.js';
import type { AdapterRequest, Principal } from '../../src/context/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { ChainedGuard, GuardOrder } from '../../src/guards/index.js';
import { AuditModule } from '../../src/audit/index.js';
import { ManagementModule } from '../../src/management/index.js';
import { migrations } from '../../src/migrations.js';
import { SecurityModule } from '../../src/security/index.js';
import { TestAuthModule } from '../../src/testing/index.js';
import { ThrottlerModule } from '../../src/throttler/index.js';
import { testDatabase } from '../support/database.js';
import { freePort } from '../support/ports.js';

@Controller('cats')
class CatsController {
  @Get()
  list(@CurrentUser() user: Principal): object {
    return { user: user.id };
  }

  @Get('admin')
  @Roles('Admin')
  admin(): string {
    return 'admin';
  }
}

const ADA: Principal = { id: 'ada', email: 'ada@example.com', roles: ['User'], sessionId: 's' };

@Injectable()
class AdaGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    context.switchToHttp().getRequest<AdapterRequest>().user = ADA;
    return true;
  }
}

/** Which callers the guards see that run directly before and after the authentication. */
const seen: [string, string | undefined][] = [];
const watch = (context: ExecutionContext, name: string): true => {
  seen.push([name, context.switchToHttp().getRequest<AdapterRequest>().user?.id]);
  return true;
};

@Injectable()
@ChainedGuard({ order: GuardOrder.Authentication - 1 })
class BeforeGuard implements CanActivate {
  canActivate = (context: ExecutionContext) => watch(context, 'before');
}

@Injectable()
@ChainedGuard({ order: GuardOrder.Authentication + 1 })
class AfterGuard implements CanActivate {
  canActivate = (context: ExecutionContext) => watch(context, 'after');
}

type Override = ReturnType<TestingModuleBuilder['overrideGuard']>;

const WAYS = {
  overrideGuard: (builder: TestingModuleBuilder, guard: unknown) => builder.overrideGuard(guard),
  overrideProvider: (builder: TestingModuleBuilder, guard: unknown) => builder.overrideProvider(guard),
};
const REPLACEMENTS = {
  useValue: (override: Override) => override.useValue(new AdaGuard()),
  useClass: (override: Override) => override.useClass(AdaGuard),
  useFactory: (override: Override) => override.useFactory({ factory: () => new AdaGuard() }),
};

/** All modules of the suite that have guards. */
let imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>;
let app: INestApplication | undefined;

async function start(builder: TestingModuleBuilder): Promise<string> {
  app = (await builder.compile()).createNestApplication();
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

beforeAll(async () => {
  imports = [
    DatabaseModule.forRoot({ url: await testDatabase(), migrations, poolMin: 0 }),
    AuthModule.forRoot({ secret: 'a secret of the test suite, long enough for HS256', bcryptCost: 4 }),
    AuditModule.forRoot({ sealIntervalMs: 0 }),
    SecurityModule.forRoot({}),
    ThrottlerModule.forRoot({}),
    ManagementModule.forRoot({ port: await freePort() }),
  ];
});
afterEach(async () => {
  await app?.close();
  app = undefined;
});

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])('%s() of @nestjs/testing', (way) => {
  it.each(Object.keys(REPLACEMENTS) as (keyof typeof REPLACEMENTS)[])(
    'replaces JwtAuthGuard by %s(), and keeps its place in the chain',
    async (replacement) => {
      const providers = [AfterGuard, BeforeGuard];
      const builder = Test.createTestingModule({ imports, controllers: [CatsController], providers });
      const url = await start(REPLACEMENTS[replacement](WAYS[way](builder, JwtAuthGuard)));
      seen.length = 0;
      const answer = await fetch(`${url}/cats`);
      expect(seen).toEqual([
        ['before', undefined],
        ['after', 'ada'],
      ]);
      expect([answer.status, await answer.json()]).toEqual([200, { user: 'ada' }]);
      expect((await fetch(`${url}/cats/admin`)).status).toBe(403);
    },
  );

  it('replaces every guard of the suite', async () => {
    const classes = await findChainedGuards();
    expect(classes.length).toBeGreaterThanOrEqual(12);
    for (const guard of classes) {
      let calls = 0;
      const counting = { canActivate: () => ++calls > 0 };
      const builder = Test.createTestingModule({
        imports: [...imports, TestAuthModule.forRoot({ as: { roles: ['User'] } })],
        controllers: [CatsController],
      });
      // So that the request reaches the guards behind it.
      if (guard !== JwtAuthGuard) WAYS[way](builder, JwtAuthGuard).useClass(AdaGuard);
      const url = await start(WAYS[way](builder, guard).useValue(counting));
      await fetch(`${url}/cats`);
      expect([guard.name, calls]).toEqual([guard.name, 1]);
      await app?.close();
    }
  });
});

it('overrideModule() replaces an imported AuthModule by TestAuthModule', async () => {
  const auth = AuthModule.forRoot({ secret: 'a secret of the test suite, long enough for HS256' });
  @Module({ imports: [auth], controllers: [CatsController] })
  class AppModule {}
  const builder = Test.createTestingModule({ imports: [AppModule] });
  const url = await start(builder.overrideModule(auth).useModule(TestAuthModule.forRoot({ as: { id: 'ada' } })));
  expect(await (await fetch(`${url}/cats`)).json()).toEqual({ user: 'ada' });
});

it('no guard of the chain is replaced without an override', async () => {
  const url = await start(Test.createTestingModule({ imports, controllers: [CatsController] }));
  expect((await fetch(`${url}/cats`)).status).toBe(401);
});

async function findChainedGuards() {
  const module = await Test.createTestingModule({
    imports: [...imports, TestAuthModule.forRoot()],
  }).compile();
  const application = module.createNestApplication();
  await application.init();
  const discovery = module.get(DiscoveryService, { strict: false });
  const guards = discovery.getProviders({ metadataKey: ChainedGuard.KEY }).map(({ metatype }) => metatype);
  await application.close();
  return guards as (abstract new (...values: never[]) => CanActivate)[];
}
