import {
  Catch,
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  UseGuards,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuthModule, JwtAuthGuard } from '../../src/auth/index.js';
import { currentContext, RequestHooks } from '../../src/context/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { Public } from '../../src/guards/index.js';
import { hardenApp } from '../../src/harden-app.js';
import { migrations } from '../../src/migrations.js';
import { ThrottleTier } from '../../src/ports/index.js';
import { SecurityModule } from '../../src/security/index.js';
import { ThrottlerModule } from '../../src/throttler/index.js';
import { testDatabase } from '../support/database.js';
import { onBothAdapters } from '../support/harness.js';
import { PlainApp } from '../support/plain-app.js';
import { expectProblem } from '../support/suite-modules.js';

class TeaError extends Error {}
class OtherError extends Error {}

@Catch(TeaError)
@Injectable()
class TeaFilter implements ExceptionFilter {
  @Inject(HttpAdapterHost) private readonly adapterHost!: HttpAdapterHost;

  catch(_error: TeaError, host: ArgumentsHost): void {
    this.adapterHost.httpAdapter.reply(host.switchToHttp().getResponse(), { filter: 'TeaFilter' }, 418);
  }
}

const seenByGuard: unknown[] = [];

@Injectable()
class OwnGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    seenByGuard.push(context.switchToHttp().getRequest<{ user?: { email?: string; id?: string } }>().user?.id);
    return true;
  }
}

@Controller()
class OwnController {
  @Get('me')
  me(): string {
    return 'me';
  }

  @Get('tea')
  @Public()
  tea(): never {
    throw new TeaError('short and stout');
  }

  @Get('other')
  @Public()
  other(): never {
    throw new OtherError('unknown');
  }

  @Get('guarded')
  @Public()
  @UseGuards(JwtAuthGuard)
  guarded(): string {
    return 'guarded';
  }
}

/** Global enhancers as an application registers them: in its root module, which Nest scans before all others. */
const OWN = {
  controllers: [OwnController],
  providers: [
    { provide: APP_GUARD, useClass: OwnGuard },
    { provide: APP_FILTER, useClass: TeaFilter },
  ],
};

onBothAdapters('the global enhancers of an application', (adapter) => {
  let app: PlainApp;
  let imports: NonNullable<Parameters<typeof PlainApp.start>[1]['imports']>;

  beforeAll(async () => {
    imports = [
      DatabaseModule.forRoot({ url: await testDatabase(), migrations, poolMin: 0 }),
      AuthModule.forRoot({ secret: 'a secret of the test suite, long enough for HS256', bcryptCost: 4 }),
      SecurityModule.forRoot({}),
    ];
  });

  describe('without hardenApp()', () => {
    beforeAll(async () => (app = await PlainApp.start(adapter, { ...OWN, imports })));
    afterAll(() => app.stop());

    it('a global guard runs after the authentication', async () => {
      const user = { email: `guard-${adapter}@example.com`, password: 'correct horse battery', name: 'Ada' };
      const { body } = await app.post('/auth/register', user);
      seenByGuard.length = 0;
      expect((await app.get('/me', { token: body.accessToken })).status).toBe(200);
      expect(seenByGuard).toEqual([body.user.id]);
    });

    it('a global filter catches its error', async () => {
      expect(await app.get('/tea')).toMatchObject({ status: 418, body: { filter: 'TeaFilter' } });
    });

    it('Nest answers errors that are not of the suite', async () => {
      expect((await app.get('/other')).body).toEqual({ statusCode: 500, message: 'Internal server error' });
      expect((await app.get('/no/such/route')).body).toMatchObject({ statusCode: 404 });
    });

    it('@UseGuards(JwtAuthGuard) can be resolved', async () => {
      expect(await app.get('/guarded')).toMatchObject({ status: 200, text: 'guarded' });
    });
  });

  describe('with hardenApp()', () => {
    beforeAll(async () => {
      app = await PlainApp.start(adapter, { ...OWN, imports }, (own) => hardenApp(own, { signals: false }));
    });
    afterAll(() => app.stop());

    it('a global filter catches its error', async () => {
      expect(await app.get('/tea')).toMatchObject({ status: 418, body: { filter: 'TeaFilter' } });
    });

    it('every other error is a problem document', async () => {
      expectProblem(await app.get('/other'), 500, 'INTERNAL_ERROR');
      expectProblem(await app.get('/no/such/route'), 404, 'NOT_FOUND');
    });
  });

  it('a filter for all errors receives the whole problem, and the headers are sent', async () => {
    @Catch()
    class CatchAll implements ExceptionFilter {
      constructor(private readonly httpAdapter: AbstractHttpAdapter) {}

      catch(error: { getResponse?: () => object; getStatus?: () => number }, host: ArgumentsHost): void {
        const body = { wrapped: error.getResponse?.() };
        this.httpAdapter.reply(host.switchToHttp().getResponse(), body, error.getStatus?.() ?? 500);
      }
    }
    const own = (plain: INestApplication) =>
      void plain.useGlobalFilters(new CatchAll(plain.getHttpAdapter() as AbstractHttpAdapter));
    app = await PlainApp.start(adapter, { ...OWN, imports }, own);
    const { status, headers, body } = await app.get('/me');
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toMatch(/^Bearer/);
    expect(body.wrapped).toMatchObject({
      code: 'AUTH_TOKEN_MISSING',
      status: 401,
      instance: '/me',
      requestId: headers['x-request-id'],
    });
    await app.stop();
  });

  it('a request hook of the adapter replaces none of the suite', async () => {
    const own = (plain: INestApplication) => {
      const hookable = plain.getHttpAdapter() as unknown as {
        setOnRequestHook(hook: (request: unknown, response: unknown, done: () => void) => void): void;
      };
      hookable.setOnRequestHook((_request, response, done) => {
        const { raw = response } = response as { raw?: unknown };
        (raw as { setHeader(name: string, value: string): void }).setHeader(
          'X-Own-Hook',
          currentContext()?.requestId ?? 'none',
        );
        done();
      });
    };
    app = await PlainApp.start(adapter, { ...OWN, imports }, own);
    const { headers } = await app.get('/other');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-own-hook': headers['x-request-id'] });
    await app.stop();
  });

  it('a hook of RequestHooks runs for every request, and its error is the response', async () => {
    @Module({})
    class HookModule {
      constructor(hooks: RequestHooks) {
        hooks.add(async (_request, response) => {
          await Promise.resolve();
          response.setHeader('X-Own', 'yes');
        });
        hooks.add(({ url }) => {
          if (url === '/refused') throw new OtherError('refused');
        });
      }
    }
    app = await PlainApp.start(adapter, { ...OWN, imports: [...imports, HookModule] }, (own) =>
      hardenApp(own, { signals: false }),
    );
    expect((await app.get('/other')).headers['x-own']).toBe('yes');
    const refused = await app.get('/refused');
    expectProblem(refused, 500, 'INTERNAL_ERROR');
    expect(refused.headers['x-content-type-options']).toBe('nosniff');
    await app.stop();
  });

  it('an unknown tier at a route fails the start', async () => {
    @Controller('typo')
    class TypoController {
      @Get()
      @ThrottleTier('typo')
      get(): string {
        return 'never';
      }
    }
    const start = PlainApp.start(adapter, { controllers: [TypoController], imports: [ThrottlerModule.forRoot({})] });
    await expect(start).rejects.toThrow('TypoController.get asks for the tier "typo", which does not exist');
  });
});
