// A login, a route that reads a file, a route that does nothing, and the delay of the event loop.
import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  type INestApplication,
  Module,
  Post,
  SetMetadata,
  type Type,
  UnauthorizedException,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { compare, hash } from 'bcrypt';
import { required, serve } from './serve.js';

const NANOSECONDS = 1e6;
const COST = Number(required('BCRYPT_COST'));
const FILE = new URL(import.meta.url);

interface Bootstrap {
  createApp: (options: { env: Record<string, string>; imports?: Type[] }) => Promise<{ app: INestApplication }>;
}

const load = (file: string) => import(new URL(`../../../dist/${file}`, import.meta.url).href);

function neighbours(...decorators: ClassDecorator[]): Type {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();

  @Controller({ path: 'bench', version: VERSION_NEUTRAL })
  class Neighbours {
    @Get('hello')
    hello() {
      return { hello: 'world' };
    }

    @Get('file')
    async file() {
      return { bytes: (await readFile(FILE)).length };
    }

    /** Delay of the event loop since the last call, in milliseconds. */
    @Get('delay')
    delay() {
      const seen = { p99: delay.percentile(99) / NANOSECONDS, max: delay.max / NANOSECONDS };
      delay.reset();
      return seen;
    }
  }
  for (const decorate of decorators) decorate(Neighbours);

  @Module({ controllers: [Neighbours] })
  class NeighboursModule {}
  return NeighboursModule;
}

/** Like tutorials: an unknown user is refused immediately, a known user after a comparison of the password. */
async function stock(): Promise<INestApplication> {
  const passwordHash = await hash('correct horse battery', COST);

  @Controller('auth')
  class LoginController {
    @Post('login')
    @HttpCode(200)
    async login(@Body() { email, password }: { email: string; password: string }) {
      const isKnown = email.startsWith('user');
      if (!isKnown || !(await compare(password, passwordHash))) throw new UnauthorizedException();
      return { email };
    }
  }

  @Module({ imports: [neighbours()], controllers: [LoginController] })
  class AppModule {}
  return NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['error'] });
}

async function ours(): Promise<INestApplication> {
  const { createApp } = (await load('bootstrap.js')) as Bootstrap;
  const { PUBLIC_ROUTE } = (await load('guards/index.js')) as { PUBLIC_ROUTE: symbol };
  const limits = ['DEFAULT', 'AUTH', 'EMAIL', 'FAILED_LOGIN'].map((tier) => [`THROTTLE_${tier}_LIMIT`, '1000000000']);
  const { app } = await createApp({
    env: {
      // Production refuses the low cost that makes time differences most visible.
      NODE_ENV: 'test',
      LOG_LEVEL: 'fatal',
      DATA_DIR: join(required('BENCH_DIR'), 'data'),
      MAIL_URL: `file:${join(required('BENCH_DIR'), 'mail')}`,
      BCRYPT_COST: String(COST),
      AUTH_REGISTRATION: process.env.AUTH_REGISTRATION ?? 'open',
      ...(Object.fromEntries(limits) as Record<string, string>),
    },
    imports: [neighbours(SetMetadata(PUBLIC_ROUTE, true))],
  });
  return app;
}

await serve(() => (required('SERVER') === 'stock' ? stock() : ours()));
