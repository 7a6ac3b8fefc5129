// Nest with one route: without authentication, with our AuthModule, or with passport-jwt as its Nest recipe shows it.
import 'reflect-metadata';
import { join } from 'node:path';
import { Controller, Get, type INestApplication, Module, type ModuleMetadata, UseGuards } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { DataSource } from 'typeorm';
import { CLIENTS, SESSIONS } from './clients.js';
import { required, serve } from './serve.js';

type Imports = NonNullable<ModuleMetadata['imports']>;

/** The used parts of the library. */
interface Library {
  AuthModule: { forRoot(options: object): Imports[number] };
  DatabaseModule: { forRoot(options: object): Imports[number] };
  Public: () => MethodDecorator;
  migrations: unknown[];
}

async function library(): Promise<Library> {
  const load = (file: string) => import(new URL(`../../../dist/${file}`, import.meta.url).href);
  const parts = await Promise.all(['auth/index.js', 'database/index.js', 'migrations.js'].map(load));
  return Object.assign({}, ...parts) as Library;
}

function hello(...decorators: MethodDecorator[]): new () => object {
  @Controller('bench')
  class HelloController {
    @Get('hello')
    hello() {
      return { hello: 'world' };
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(HelloController.prototype, 'hello');
  for (const decorate of decorators) decorate(HelloController.prototype, 'hello', descriptor ?? {});
  return HelloController;
}

/** Like https://docs.nestjs.com/recipes/passport, with the secret as a string. */
function stock(): ModuleMetadata {
  class JwtStrategy extends PassportStrategy(Strategy) {
    constructor() {
      super({
        jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
        ignoreExpiration: false,
        secretOrKey: required('JWT_SECRET'),
      });
    }

    validate(payload: { sub: string; email: string }) {
      return { userId: payload.sub, email: payload.email };
    }
  }
  return { imports: [PassportModule], controllers: [hello(UseGuards(AuthGuard('jwt')))], providers: [JwtStrategy] };
}

async function ours(isOpen: boolean): Promise<ModuleMetadata> {
  const { AuthModule, DatabaseModule, Public, migrations } = await library();
  return {
    imports: [
      DatabaseModule.forRoot({ dataDir: join(required('BENCH_DIR'), 'data'), migrations }),
      AuthModule.forRoot({ secret: required('JWT_SECRET'), tokenCacheSize: Number(required('TOKEN_CACHE')) }),
    ],
    controllers: [isOpen ? hello(Public()) : hello()],
  };
}

async function metadata(guard: string): Promise<ModuleMetadata> {
  if (guard === 'none') return { controllers: [hello()] };
  if (guard === 'idle') {
    return { controllers: [hello()], providers: [{ provide: APP_GUARD, useValue: { canActivate: () => true } }] };
  }
  return guard === 'stock' ? stock() : ours(guard === 'ours, open');
}

await serve(async () => {
  const guard = required('GUARD');

  @Module(await metadata(guard))
  class AppModule {}

  const options = { abortOnError: false, logger: ['error' as const] };
  const app: INestApplication =
    required('HTTP_ADAPTER') === 'fastify'
      ? await NestFactory.create(AppModule, new FastifyAdapter(), options)
      : await NestFactory.create(AppModule, options);
  if (guard.startsWith('ours')) {
    for (const sql of [CLIENTS, SESSIONS]) await app.get(DataSource).query(sql);
  }
  return app;
});
