// Nest with a list from PostgreSQL: without a cache, with the interceptor of @nestjs/cache-manager, or with @Cached().
import 'reflect-metadata';
import { join } from 'node:path';
import { CacheInterceptor, CacheModule as StockCacheModule } from '@nestjs/cache-manager';
import {
  Controller,
  Get,
  type INestApplication,
  Module,
  type ModuleMetadata,
  Query,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { required, serve } from './serve.js';

type Imports = NonNullable<ModuleMetadata['imports']>;

/** The used parts of the library. */
interface Library {
  CacheModule: { forRoot(options: object): Imports[number] };
  Cached: (options: object) => MethodDecorator;
  DatabaseModule: { forRoot(options: object): Imports[number] };
  RedisModule: { forRoot(options: object): Imports[number] };
}

const TTL_MS = 3_600_000;

/** 20 shelves of 20 items each, like a list of an API. */
const THINGS = `
  CREATE TABLE things AS
  SELECT n AS id, n % 20 AS shelf, 'Thing number ' || n AS name, n * 1.5 AS price, ARRAY['first', 'second'] AS tags
  FROM generate_series(1, 400) n`;
const SHELF = 'SELECT id, name, price::float8, tags FROM things WHERE shelf = $1 ORDER BY name';

async function library(): Promise<Library> {
  const load = (folder: string) => import(new URL(`../../../dist/${folder}/index.js`, import.meta.url).href);
  return Object.assign({}, ...(await Promise.all(['cache', 'database', 'redis'].map(load)))) as Library;
}

function listedBy(...decorators: MethodDecorator[]): new (source: DataSource) => object {
  @Controller('bench')
  class ThingsController {
    constructor(private readonly source: DataSource) {}

    @Get('things')
    async things(@Query('shelf') shelf: string) {
      return { items: await this.source.query(SHELF, [shelf]) };
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(ThingsController.prototype, 'things') ?? {};
  for (const decorate of decorators) decorate(ThingsController.prototype, 'things', descriptor);
  Object.defineProperty(ThingsController.prototype, 'things', descriptor);
  return ThingsController;
}

async function metadata(kind: string): Promise<ModuleMetadata> {
  const { CacheModule, Cached, DatabaseModule, RedisModule } = await library();
  const database = DatabaseModule.forRoot({ dataDir: join(required('BENCH_DIR'), 'data'), migrations: [] });
  if (kind === 'none') return { imports: [database], controllers: [listedBy()] };
  if (kind === 'stock') {
    const stock = StockCacheModule.register({ ttl: TTL_MS });
    return { imports: [database, stock], controllers: [listedBy(UseInterceptors(CacheInterceptor))] };
  }
  const cached = Cached({ ttlMs: TTL_MS, scope: 'public', ...(kind !== 'ours' && { tags: ['things'] }) });
  const url = process.env.REDIS_URL;
  const redis = url === undefined ? [] : [RedisModule.forRoot({ url })];
  // A cache of one byte stores nothing, so that each request reads from Redis.
  const cache = CacheModule.forRoot({ ...(kind === 'ours, from Redis' && { maxBytes: 1 }) });
  return { imports: [database, ...redis, cache], controllers: [listedBy(cached)] };
}

await serve(async () => {
  @Module(await metadata(required('CACHE')))
  class AppModule {}

  const options = { abortOnError: false, logger: ['error' as const] };
  const app: INestApplication =
    required('HTTP_ADAPTER') === 'fastify'
      ? await NestFactory.create(AppModule, new FastifyAdapter(), options)
      : await NestFactory.create(AppModule, options);
  await app.get(DataSource).query(THINGS);
  return app;
});
