import { AsyncLocalStorage } from 'node:async_hooks';
import {
  Controller,
  Get,
  Injectable,
  Module,
  Req,
  UseGuards,
  UseInterceptors,
  VERSION_NEUTRAL,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cached, CacheService } from '../../src/cache/index.js';
import { Public } from '../../src/guards/index.js';
import { RequestContext, runWithContext, type AdapterRequest } from '../../src/context/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

const CARRIERS = [
  'Cookie',
  'Authorization',
  'X-Api-Key',
  'X-Forwarded-User',
  'X-Forwarded-Client-Cert',
  'X-Device-Token',
] as const;
/** Set in the options of the module, because the module cannot know it. */
const OWN_HEADER = 'X-Device-Token';

/** The caller as the application knows it. No guard of the suite knows this caller. */
const visitor = new AsyncLocalStorage<string>();

function visitorOf({ headers }: AdapterRequest): string {
  return CARRIERS.map((name) => headers[name.toLowerCase()] ?? '').join('');
}

@Injectable()
class OwnSessions implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const request = context.switchToHttp().getRequest<AdapterRequest>();
    return visitor.run(visitorOf(request), () => next.handle());
  }
}

/** A guard of another package. Its users are not principals of the suite. */
@Injectable()
class OwnGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ user?: unknown; headers: Record<string, string> }>();
    request.user = JSON.parse(request.headers['x-own-user'] ?? '{}');
    return true;
  }
}

@Injectable()
class Orders {
  @Cached()
  async mine() {
    return { of: visitor.getStore() };
  }

  @Cached({ scope: 'public' })
  async catalogue() {
    return { firstAskedBy: visitor.getStore() };
  }
}

@Controller({ path: 'cache-callers', version: VERSION_NEUTRAL })
@Public()
@UseInterceptors(OwnSessions)
class CallersController {
  constructor(private readonly orders: Orders) {}

  @Get('method')
  method() {
    return this.orders.mine();
  }

  @Get('catalogue')
  catalogue() {
    return this.orders.catalogue();
  }

  @Get('route')
  @Cached()
  route(@Req() request: AdapterRequest) {
    return { of: visitorOf(request) };
  }

  @Get('own-guard')
  @UseGuards(OwnGuard)
  @Cached()
  ownGuard(@Req() { user }: { user: unknown }) {
    return { of: user };
  }
}

@Module({ controllers: [CallersController], providers: [Orders] })
class CallersModule {}

onBothAdapters('a cached result', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [CallersModule] });
    const { settings } = app.app.get(CacheService, { strict: false });
    Object.assign(settings.credentialHeaders, [OWN_HEADER.toLowerCase()]);
  });
  afterAll(() => app.stop());

  const ask = async (path: string, headers: Record<string, string> = {}) =>
    (await app.get(`/cache-callers/${path}`, { headers })).body.of as unknown;

  const cases = ['method', 'route'].flatMap((path) => CARRIERS.map((carrier) => [path, carrier] as const));
  it.each(cases)('of a public %s is not returned to another caller, identified by %s', async (path, carrier) => {
    expect(await ask(path, { [carrier]: 'alice' })).toBe('alice');
    expect(await ask(path, { [carrier]: 'bob' })).toBe('bob');
    expect(await ask(path)).toBe('');
    expect(await ask(path, { [carrier]: 'alice' })).toBe('alice');
  });

  it('is shared by callers without credentials, and Vary names the credential headers', async () => {
    await app.get('/cache-callers/route?shared');
    const { headers } = await app.get('/cache-callers/route?shared');
    expect(headers).toMatchObject({ 'cache-status': 'bulwark; hit' });
    expect(String(headers['vary']).toLowerCase()).toContain('authorization, cookie');
  });

  it('is shared by all callers with scope public', async () => {
    const answers = ['alice', 'bob'].map(async (name) => {
      const { body } = await app.get('/cache-callers/catalogue', { headers: { Cookie: name } });
      return body.firstAskedBy as string;
    });
    expect(new Set(await Promise.all(answers)).size).toBe(1);
  });

  it.each([
    ['without an id', { name: 'alice' }, { name: 'bob' }],
    ['with an empty id', { id: '', name: 'alice' }, { id: '', name: 'bob' }],
    ['without roles', { id: 1 }, { id: 2 }],
  ])('is not shared between users of another guard %s', async (_what, alice, bob) => {
    for (const user of [alice, bob, alice]) {
      expect(await ask('own-guard', { 'X-Own-User': JSON.stringify(user) })).toEqual(user);
    }
  });

  it('of a job or outside a request is loaded each time', async () => {
    const orders = app.app.get(Orders, { strict: false });
    const asked = (name: string) => visitor.run(name, () => orders.mine());
    expect([await asked('one'), await asked('other')]).toEqual([{ of: 'one' }, { of: 'other' }]);
    const inJob = (name: string) => runWithContext(new RequestContext(), () => asked(name));
    expect([await inJob('one'), await inJob('other')]).toEqual([{ of: 'one' }, { of: 'other' }]);
  });
});
