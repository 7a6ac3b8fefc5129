// Nest with two routes. Headers, CORS and compression come from no package, the usual packages, or SecurityModule.
import 'reflect-metadata';
import fastifyCompress from '@fastify/compress';
import { Controller, Get, type INestApplication, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
import helmet from 'helmet';
import { required, serve } from './serve.js';

const ORIGINS = ['https://app.example.com'];

/** About 11 kB of JSON, like a typical list. */
const ITEMS = Array.from({ length: 100 }, (_, i) => ({
  id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
  name: `Item number ${i}`,
  price: (i * 7919) % 10_000,
  tags: ['first', 'second'],
}));

@Controller('bench')
class HelloController {
  @Get('hello')
  hello() {
    return { hello: 'world' };
  }

  @Get('items')
  items() {
    return { items: ITEMS };
  }
}

/** The used part of the library. */
interface Library {
  SecurityModule: { forRoot(options: object): NonNullable<ModuleMetadata['imports']>[number] };
}

async function imports(): Promise<ModuleMetadata['imports']> {
  if (required('PROTECTION') !== 'nest-bulwark') return [];
  const library = (await import(new URL('../../../dist/security/index.js', import.meta.url).href)) as Library;
  return [library.SecurityModule.forRoot({ cors: { origins: ORIGINS } })];
}

async function protect(app: INestApplication, protection: string): Promise<void> {
  if (protection.includes('helmet')) app.use(helmet());
  if (protection.includes('cors')) app.enableCors({ origin: ORIGINS, maxAge: 600 });
  if (!protection.includes('compression')) return;
  if (required('HTTP_ADAPTER') === 'fastify') await (app as NestFastifyApplication).register(fastifyCompress);
  else app.use(compression());
}

await serve(async () => {
  @Module({ imports: await imports(), controllers: [HelloController] })
  class SecuredModule {}

  const options = { abortOnError: false, logger: ['error' as const] };
  const app =
    required('HTTP_ADAPTER') === 'fastify'
      ? await NestFactory.create(SecuredModule, new FastifyAdapter(), options)
      : await NestFactory.create(SecuredModule, options);
  await protect(app, required('PROTECTION'));
  return app;
});
