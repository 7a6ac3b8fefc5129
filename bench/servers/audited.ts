// Nest with AuditModule: one route that records an event, one that does not, the export, and the memory of the process.
import 'reflect-metadata';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { required, serve } from './serve.js';

type Import = NonNullable<ModuleMetadata['imports']>[number];

/** The used parts of the library. */
interface Library {
  AuditModule: { forRoot(options: object): Import };
  AuditService: Type<{ record(event: object): void }>;
  DatabaseModule: { forRoot(options: object): Import };
  migrations: object[];
}

const load = async (file: string) => (await import(new URL(`../../../dist/${file}`, import.meta.url).href)) as Library;

const SAMPLE_MS = 50;

await serve(async () => {
  const { AuditModule, AuditService } = await load('audit/index.js');
  const { DatabaseModule } = await load('database/index.js');
  const { migrations } = await load('migrations.js');

  let mostRss = 0;
  const sample = () => (mostRss = Math.max(mostRss, process.memoryUsage.rss()));
  setInterval(sample, SAMPLE_MS);

  @Controller('bench')
  class Route {
    constructor(@Inject(AuditService) private readonly audit: InstanceType<Library['AuditService']>) {}

    @Get('silent')
    silent() {
      return { done: true };
    }

    @Get('recorded')
    recorded() {
      const metadata = { amount: 12.5, currency: 'EUR', source: { channel: 'web', attempt: 1 } };
      this.audit.record({ action: 'wallet.debit', outcome: 'success', target: 'wallet:7', metadata });
      return { done: true };
    }

    /** Current resident memory, and its maximum since the last call, in bytes. */
    @Get('memory')
    memory() {
      const seen = { rss: process.memoryUsage.rss(), most: sample() };
      mostRss = 0;
      return seen;
    }
  }

  @Injectable()
  class EverybodyIsAdmin implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      const user = { id: 'admin', email: 'admin@example.com', roles: ['Admin'], sessionId: 's' };
      Object.assign(context.switchToHttp().getRequest<object>(), { user });
      return true;
    }
  }

  @Module({
    imports: [
      DatabaseModule.forRoot({ url: required('DATABASE_URL'), migrations }),
      AuditModule.forRoot({ adminRoutes: true, sealIntervalMs: 0 }),
    ],
    controllers: [Route],
    providers: [{ provide: APP_GUARD, useClass: EverybodyIsAdmin }],
  })
  class Served {}
  return NestFactory.create(Served, new FastifyAdapter(), { abortOnError: false, logger: ['error'] });
});
