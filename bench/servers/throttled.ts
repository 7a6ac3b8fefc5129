// Nest with one route, and one limiter or none.
import 'reflect-metadata';
import { Controller, Get, type INestApplication, Module, type ModuleMetadata } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { required, serve } from './serve.js';

@Controller('bench')
class HelloController {
  @Get('hello')
  hello() {
    return { hello: 'world' };
  }
}

/** The used parts of the library. */
interface Library {
  ThrottlerModule: { forRoot(options: object): NonNullable<ModuleMetadata['imports']>[number] };
}

async function metadata(): Promise<ModuleMetadata> {
  const [guard, limit] = [required('GUARD'), Number(required('LIMIT'))];
  if (guard === 'unthrottled') return {};
  if (guard === 'a guard that does nothing') {
    return { providers: [{ provide: APP_GUARD, useValue: { canActivate: () => true } }] };
  }
  if (guard === 'stock') {
    return {
      imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit }])],
      providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
    };
  }
  const library = (await import(new URL('../../../dist/throttler/index.js', import.meta.url).href)) as Library;
  const redisUrl = process.env.REDIS_URL;
  const { Redis } = await import('ioredis');
  const redis = redisUrl ? new Redis(redisUrl, { enableOfflineQueue: false, maxRetriesPerRequest: 0 }) : false;
  if (redis) await new Promise((resolve) => redis.once('ready', resolve));
  const setHeaders = guard !== 'nest-bulwark without headers';
  const tiers = { default: { limit, ttlMs: 60_000 } };
  return { imports: [library.ThrottlerModule.forRoot({ tiers, redis, setHeaders })] };
}

/** The load generator acts as one proxy. The adapter finds the address behind it, so this cost is not the limiter's. */
const isProxy = (_address: string, hop: number) => hop === 0;

/** Uses the only allowed request of a server with the limit 1, before the load begins. */
function spent(app: INestApplication): INestApplication {
  if (required('LIMIT') !== '1') return app;
  const listen = async (port: number, host: string) => {
    await app.listen(port, host);
    await fetch(`${await app.getUrl()}/bench/hello`, { headers: { 'x-forwarded-for': '10.0.0.0' } });
  };
  // Nest returns a proxy, on which methods cannot be replaced.
  return { listen, getHttpServer: () => app.getHttpServer(), close: () => app.close() } as unknown as INestApplication;
}

await serve(async () => {
  @Module({ controllers: [HelloController], ...(await metadata()) })
  class AppModule {}

  const options = { abortOnError: false, logger: ['error' as const] };
  if (required('HTTP_ADAPTER') === 'fastify') {
    const adapter = new FastifyAdapter({ trustProxy: isProxy });
    return spent(await NestFactory.create<NestFastifyApplication>(AppModule, adapter, options));
  }
  const app = await NestFactory.create<NestExpressApplication>(AppModule, options);
  app.set('trust proxy', isProxy);
  return spent(app);
});
