import {
  Controller,
  Get,
  Injectable,
  UseGuards,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import * as stock from '@nestjs/throttler';
import { afterEach, describe, expect, it } from 'vitest';
import {
  AddressThrottlerGuard,
  InjectThrottlerStorage,
  minutes,
  SkipThrottle,
  Throttle,
  ThrottlerException,
  ThrottlerGuard,
  ThrottlerModule,
  type ThrottlerLimitDetail,
  type ThrottlerModuleOptions,
  type ThrottlerOptionsFactory,
  type ThrottlerRequest,
  type ThrottlerStorage,
  UserThrottlerGuard,
} from '../../src/throttler/index.js';
import * as throttler from '../../src/throttler/index.js';
import { ThrottledApp } from '../support/throttled-app.js';

// Code written for @nestjs/throttler 6.7 of which only the import is changed.

@Controller()
class CatsController {
  @Get('cats')
  cats() {
    return 'cats';
  }

  @Get('dogs')
  @Throttle({ default: { limit: 1, ttl: minutes(1) } })
  dogs() {
    return 'dogs';
  }

  @Get('birds')
  @stock.Throttle({ default: { limit: 1, ttl: 60_000 } })
  birds() {
    return 'birds';
  }

  @Get('fish')
  @SkipThrottle()
  fish() {
    return 'fish';
  }

  @Get('mice')
  @SkipThrottle({ short: true })
  mice() {
    return 'mice';
  }
}

@Controller('guarded')
@UseGuards(ThrottlerGuard)
class GuardedController {
  @Get()
  guarded() {
    return 'guarded';
  }
}

let app: ThrottledApp;
afterEach(() => app?.stop());

async function start(module: DynamicModule, guard: Type<CanActivate> | null = ThrottlerGuard): Promise<void> {
  app = await ThrottledApp.start('express', {
    imports: [module],
    controllers: [CatsController, GuardedController],
    providers: guard ? [{ provide: APP_GUARD, useClass: guard }] : [],
  });
}
const startWith = (options: ThrottlerModuleOptions, guard?: Type<CanActivate>) =>
  start(ThrottlerModule.forRoot(options), guard);
const two = { ttl: 60_000, limit: 2 };

describe('options of @nestjs/throttler', () => {
  it('as a list limit each route separately, with X-RateLimit headers', async () => {
    await startWith([two]);
    expect(await app.statuses(3, '/cats')).toEqual([200, 200, 429]);
    expect(await app.statuses(2, '/dogs')).toEqual([200, 429]);
    expect(await app.statuses(2, '/birds')).toEqual([200, 429]);
    expect(await app.statuses(3, '/fish')).toEqual([200, 200, 200]);
    const { headers } = await app.get('/mice');
    expect(headers).toMatchObject({
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '1',
      'x-ratelimit-reset': '60',
    });
  });

  it('with names apply to every route, each with its headers, and with a Retry-After without suffix', async () => {
    await startWith([
      { name: 'short', ttl: 30_000, limit: 2 },
      { name: 'long', ttl: 60_000, limit: 3 },
    ]);
    const { headers } = await app.get('/cats');
    expect(headers).toMatchObject({
      'x-ratelimit-limit-short': '2',
      'x-ratelimit-remaining-short': '1',
      'x-ratelimit-limit-long': '3',
      'x-ratelimit-remaining-long': '2',
    });
    await app.get('/cats');
    const refused = await app.get('/cats');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after-short'])).toBeGreaterThan(0);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(await app.statuses(4, '/mice')).toEqual([200, 200, 200, 429]);
  });

  it('in an object: skipIf, ignoreUserAgents, getTracker, generateKey, setHeaders, errorMessage', async () => {
    await startWith({
      throttlers: [two],
      skipIf: (context) => context.switchToHttp().getRequest().headers['x-skip'] === 'yes',
      ignoreUserAgents: [/monitor/g],
      getTracker: async (request) => request['headers']['x-api-key'] ?? 'none',
      generateKey: (_context, tracker, name) => `${name} ${tracker}`,
      setHeaders: false,
      errorMessage: (_context, { limit, tracker }) => `${tracker} may ask ${limit} times`,
    });
    const key = (value: string) => ({ headers: { 'x-api-key': value } });
    expect(await app.statuses(2, '/cats', key('a'))).toEqual([200, 200]);
    // The generated key does not contain the route.
    const refused = await app.get('/mice', key('a'));
    expect(refused.status).toBe(429);
    expect(refused.body.detail).toBe('a may ask 2 times');
    expect(refused.headers['retry-after']).toBeDefined();
    expect(refused.headers['x-ratelimit-limit']).toBeUndefined();
    expect((await app.get('/cats', key('b'))).headers['x-ratelimit-limit']).toBeUndefined();
    expect((await app.statuses(5, '/cats', { headers: { 'x-skip': 'yes' } })).includes(429)).toBe(false);
    expect((await app.statuses(5, '/cats', { headers: { 'user-agent': 'a monitor' } })).includes(429)).toBe(false);
  });

  it('accept functions and strings for limit and ttl, and a block duration', async () => {
    const text = '2' as unknown as number;
    await startWith([{ limit: async () => text, ttl: () => 30_000, blockDuration: 600_000 }]);
    expect(await app.statuses(3, '/cats')).toEqual([200, 200, 429]);
    // Without the block the wait would be at most one minute.
    expect(Number((await app.get('/cats')).headers['retry-after'])).toBeGreaterThan(500);
  });

  it('use a storage written for it', async () => {
    const asked: unknown[][] = [];
    const storage: ThrottlerStorage = {
      increment: async (...args) => {
        asked.push(args);
        const isBlocked = asked.length > 1;
        return { totalHits: asked.length, timeToExpire: 30, isBlocked, timeToBlockExpire: isBlocked ? 17 : 0 };
      },
    };
    await startWith({ throttlers: [two], storage });
    const first = await app.get('/cats');
    expect(first.headers).toMatchObject({ 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '30' });
    const second = await app.get('/cats');
    expect([second.status, second.headers['retry-after']]).toEqual([429, '17']);
    expect(asked[0]?.slice(1)).toEqual([60_000, 2, 60_000, 'default']);
  });

  it('limit without a storage that fails', async () => {
    const storage: ThrottlerStorage = { increment: () => Promise.reject(new Error('gone')) };
    await startWith({ throttlers: [two], storage });
    expect(await app.statuses(3, '/cats')).toEqual([200, 200, 429]);
  });

  it('come from a factory, a class or an existing provider', async () => {
    @Injectable()
    class Factory implements ThrottlerOptionsFactory {
      createThrottlerOptions() {
        return [two];
      }
    }
    await start(ThrottlerModule.forRootAsync({ useClass: Factory }));
    expect(await app.statuses(3, '/cats')).toEqual([200, 200, 429]);
    await app.stop();
    await start(
      ThrottlerModule.forRootAsync({ inject: [], useFactory: async () => ({ throttlers: [two], errorMessage: 'no' }) }),
    );
    await app.statuses(2, '/cats');
    expect((await app.get('/cats')).body.detail).toBe('no');
  });

  it('limit only where the guard is put', async () => {
    await start(ThrottlerModule.forRoot([two]), null);
    expect((await app.statuses(5, '/cats')).includes(429)).toBe(false);
    expect(await app.statuses(3, '/guarded')).toEqual([200, 200, 429]);
  });

  it('do not count twice what the module limits itself', async () => {
    await startWith({ tiers: { default: { limit: 2 } } });
    expect(await app.statuses(3, '/cats')).toEqual([200, 200, 429]);
  });
});

describe('subclasses of its guard', () => {
  it('override the tracker and the exception', async () => {
    @Injectable()
    class Own extends ThrottlerGuard {
      // oxlint-disable-next-line typescript/no-explicit-any -- as its users write it
      protected override async getTracker(request: Record<string, any>): Promise<string> {
        return request['headers']['x-api-key'];
      }
      protected override async throwThrottlingException(
        _context: ExecutionContext,
        detail: ThrottlerLimitDetail,
      ): Promise<void> {
        throw new ThrottlerException(`${detail.tracker} ${detail.limit} ${detail.ttl} ${detail.isBlocked}`);
      }
    }
    await startWith([two], Own);
    expect(await app.statuses(2, '/cats', { headers: { 'x-api-key': 'a' } })).toEqual([200, 200]);
    expect((await app.get('/cats', { headers: { 'x-api-key': 'b' } })).status).toBe(200);
    const refused = await app.get('/cats', { headers: { 'x-api-key': 'a' } });
    expect([refused.status, refused.body.detail]).toEqual([429, 'a 2 60000 true']);
  });

  it('override shouldSkip and generateKey', async () => {
    @Injectable()
    class Own extends ThrottlerGuard {
      protected override async shouldSkip(context: ExecutionContext): Promise<boolean> {
        return context.getHandler().name === 'mice';
      }
      protected override generateKey(_context: ExecutionContext, suffix: string): string {
        return `everything ${suffix}`;
      }
    }
    await startWith([two], Own);
    expect((await app.statuses(4, '/mice')).includes(429)).toBe(false);
    expect(await app.statuses(1, '/cats')).toEqual([200]);
    expect(await app.statuses(2, '/guarded', {})).toEqual([200, 429]);
  });

  it('override handleRequest, and use the storage', async () => {
    const handled: string[] = [];
    @Injectable()
    class Own extends ThrottlerGuard {
      protected override async handleRequest(props: ThrottlerRequest): Promise<boolean> {
        const { context, limit, ttl, throttler, blockDuration, getTracker, generateKey } = props;
        const { req } = this.getRequestResponse(context);
        const name = throttler.name ?? 'default';
        const key = generateKey(context, await getTracker(req, context), name);
        const { totalHits, isBlocked } = await this.storageService.increment(key, ttl, limit, blockDuration, name);
        handled.push(`${name} ${totalHits} of ${limit}`);
        if (isBlocked) throw new ThrottlerException();
        return true;
      }
    }
    await startWith([two, { name: 'long', ttl: 60_000, limit: 9 }], Own);
    expect(await app.statuses(3, '/cats')).toEqual([200, 200, 429]);
    expect(handled.slice(0, 3)).toEqual(['default 1 of 2', 'long 1 of 9', 'default 2 of 2']);
  });

  it('can inject the storage by the decorator of @nestjs/throttler', async () => {
    let storage: ThrottlerStorage | undefined;
    @Injectable()
    class Needy {
      constructor(@InjectThrottlerStorage() given: ThrottlerStorage) {
        storage = given;
      }
    }
    app = await ThrottledApp.start('fastify', { imports: [ThrottlerModule.forRoot([two])], providers: [Needy] });
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await storage?.increment('key', 60_000, 2, 0, 'default'));
    expect(answers.map((answer) => [answer?.totalHits, answer?.isBlocked])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
  });

  it('have the fields of the stock guard: throttlers, headerPrefix, errorMessage, ipv6SubnetPrefix', async () => {
    const names: (string | undefined)[] = [];
    @Injectable()
    class Own extends ThrottlerGuard {
      protected override headerPrefix = 'X-Quota';
      protected override errorMessage = 'not so fast';
      protected override ipv6SubnetPrefix = 48;
      override async onModuleInit(): Promise<void> {
        await super.onModuleInit();
        names.push(...this.throttlers.map(({ name }) => name));
      }
      protected override async getTracker(request: Record<string, unknown>): Promise<string> {
        return super.getTracker({ ...request, ip: (request['headers'] as Record<string, string>)['x-ip'] });
      }
    }
    await startWith([two], Own);
    expect(names).toEqual(['default']);
    const from = (ip: string) => ({ headers: { 'x-ip': ip } });
    const { headers } = await app.get('/cats', from('2001:db8:1:1::1'));
    expect(headers).toMatchObject({ 'x-quota-limit': '2', 'x-quota-remaining': '1' });
    expect(headers['x-ratelimit-limit']).toBeUndefined();
    await app.get('/cats', from('2001:db8:1:2::1'));
    const refused = await app.get('/cats', from('2001:db8:1:3::1'));
    expect([refused.status, refused.body.detail]).toEqual([429, 'not so fast']);
    expect((await app.get('/cats', from('2001:db8:2:1::1'))).status).toBe(200);
  });

  it('can call every step of the stock guard', async () => {
    const called: string[] = [];
    @Injectable()
    class Own extends ThrottlerGuard {
      override canActivate(context: ExecutionContext): Promise<boolean> {
        called.push('canActivate');
        return super.canActivate(context);
      }
      protected override async shouldSkip(context: ExecutionContext): Promise<boolean> {
        called.push('shouldSkip');
        return super.shouldSkip(context);
      }
      protected override async handleRequest(props: ThrottlerRequest): Promise<boolean> {
        called.push('handleRequest');
        return super.handleRequest(props);
      }
      protected override generateKey(context: ExecutionContext, suffix: string, name: string): string {
        called.push('generateKey');
        return super.generateKey(context, suffix, name);
      }
      protected override async getErrorMessage(
        context: ExecutionContext,
        detail: ThrottlerLimitDetail,
      ): Promise<string> {
        return `${await super.getErrorMessage(context, detail)} ${detail.totalHits}`;
      }
      protected override async throwThrottlingException(
        context: ExecutionContext,
        detail: ThrottlerLimitDetail & { violatedPolicies: string[] },
      ): Promise<void> {
        await super.throwThrottlingException(context, detail).catch((error: Error) => {
          called.push(error.constructor.name);
          throw error;
        });
      }
    }
    await startWith([two], Own);
    expect(await app.statuses(2, '/cats')).toEqual([200, 200]);
    expect(new Set(called)).toEqual(new Set(['canActivate', 'shouldSkip', 'handleRequest', 'generateKey']));
    const refused = await app.get('/cats');
    expect(refused.body).toMatchObject({ status: 429, 'violated-policies': ['default'] });
    expect(refused.body.detail).toMatch(/^At most 2 requests in 60 s are allowed\. Try again in \d+ s\. 3$/);
    expect(refused.headers['x-ratelimit-limit']).toBe('2');
    expect(called.at(-1)).toBe('RateLimitException');
  });

  it.each(['ws', 'rpc', 'graphql'])('do not limit %s', async (type) => {
    app = await ThrottledApp.start('fastify', {
      imports: [ThrottlerModule.forRoot({ tiers: { default: { limit: 1 } } })],
      providers: [ThrottlerGuard],
    });
    const noHttp = () => {
      throw new Error('this is not HTTP');
    };
    const context = {
      getType: () => type,
      getHandler: () => Reflect.get(CatsController.prototype, 'cats'),
      getClass: () => CatsController,
      switchToHttp: noHttp,
      getArgs: () => [],
    } as unknown as ExecutionContext;
    for (const Guard of [ThrottlerGuard, AddressThrottlerGuard, UserThrottlerGuard]) {
      const guard: CanActivate = app.app.get(Guard, { strict: false });
      expect(await guard.canActivate(context)).toBe(true);
      expect(await guard.canActivate(context)).toBe(true);
    }
  });

  it('limit GraphQL if they override getRequestResponse', async () => {
    const response: Record<string, string> = {};
    @Injectable()
    class GraphQlGuard extends ThrottlerGuard {
      protected override getRequestResponse() {
        const [, , ,] = context.getArgs<[unknown, unknown, unknown]>();
        return {
          req: { ip: '203.0.113.7', headers: {} },
          res: { header: (name: string, value: string) => void (response[name] = value) },
        };
      }
    }
    app = await ThrottledApp.start('fastify', {
      imports: [ThrottlerModule.forRoot([{ limit: 1, ttl: 60_000 }])],
      providers: [GraphQlGuard],
    });
    const context = {
      getType: () => 'graphql',
      getHandler: () => Reflect.get(CatsController.prototype, 'cats'),
      getClass: () => CatsController,
      getArgs: () => [],
    } as unknown as ExecutionContext;
    const guard = app.app.get(GraphQlGuard);
    expect(await guard.canActivate(context)).toBe(true);
    await expect(guard.canActivate(context)).rejects.toThrow(ThrottlerException);
    expect(response['RateLimit-Policy']).toBe('"default";q=1;w=60');
  });
});

describe('the package @nestjs/throttler', () => {
  it('defines the decorators, tokens, helpers and the exception that are exported here', () => {
    const [ours, theirs] = [new Map(Object.entries(throttler)), new Map<string, unknown>(Object.entries(stock))];
    const names = [
      'Throttle',
      'SkipThrottle',
      'InjectThrottlerOptions',
      'InjectThrottlerStorage',
      'ThrottlerStorage',
      'ThrottlerException',
      'getOptionsToken',
      'getStorageToken',
      'throttlerMessage',
      'seconds',
      'minutes',
      'hours',
      'days',
      'weeks',
    ];
    expect(names.filter((name) => !theirs.has(name) || ours.get(name) !== theirs.get(name))).toEqual([]);
    expect(Object.getPrototypeOf(ThrottlerGuard)).toBe(stock.ThrottlerGuard);
  });

  it('can be used with its own types and tokens', async () => {
    const options: stock.ThrottlerModuleOptions = { throttlers: [{ name: 'short', ...two }], errorMessage: 'no' };
    const asyncOptions: stock.ThrottlerAsyncOptions = { inject: [], useFactory: () => options };
    const guard: Type<stock.ThrottlerGuard> = ThrottlerGuard;
    await start(ThrottlerModule.forRootAsync(asyncOptions), guard);
    expect(app.app.get(stock.getOptionsToken())).toEqual(options);
    expect(await app.statuses(3, '/cats')).toEqual([200, 200, 429]);
    await app.stop();
    await start(ThrottlerModule.forRoot({ tiers: { default: { limit: 1 } } }), null);
    // Always a list, as the type says.
    expect(app.app.get<{ throttlers: unknown }>(stock.getOptionsToken()).throttlers).toEqual([]);
  });

  it('has a guard that counts with this module', async () => {
    await startWith([two], stock.ThrottlerGuard);
    expect(await app.statuses(3, '/cats')).toEqual([200, 200, 429]);
    expect((await app.get('/cats')).body).toMatchObject({ code: 'RATE_LIMITED' });
  });
});
