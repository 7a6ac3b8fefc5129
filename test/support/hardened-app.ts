import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import {
  Global,
  Module,
  type INestApplication,
  type ModuleMetadata,
  type NestApplicationOptions,
  type Type,
} from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AuditTrail, type AuditInput } from '../../src/ports/index.js';
import { createValidationPipe, SecurityModule } from '../../src/security/index.js';
import type { SecurityModuleOptions } from '../../src/security/index.js';
import { TestClient } from './client.js';
import type { AdapterName } from './harness.js';

class RecordedAudit extends AuditTrail {
  readonly events: AuditInput[] = [];
  record(event: AuditInput): void {
    this.events.push(event);
  }
}

/** An application with its own `main.ts` and SecurityModule, without a database. */
export class HardenedApp extends TestClient {
  private constructor(
    readonly app: INestApplication,
    url: string,
    private readonly audit: RecordedAudit,
  ) {
    super(url);
  }

  static async start(
    adapter: AdapterName,
    {
      controllers,
      imports = [],
      options = {},
    }: { controllers: Type[]; imports?: NonNullable<ModuleMetadata['imports']>; options?: SecurityModuleOptions },
    nest: NestApplicationOptions = { bodyParser: false },
  ): Promise<HardenedApp> {
    const audit = new RecordedAudit();
    @Global()
    @Module({ providers: [{ provide: AuditTrail, useValue: audit }], exports: [AuditTrail] })
    class AuditRecorder {}

    @Module({ imports: [AuditRecorder, SecurityModule.forRoot(options), ...imports], controllers })
    class ConsumerModule {}

    const http = adapter === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
    const app = await NestFactory.create(ConsumerModule, http as AbstractHttpAdapter, {
      logger: false,
      abortOnError: false,
      ...nest,
    });
    app.useGlobalPipes(createValidationPipe());
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    return new HardenedApp(app, `http://127.0.0.1:${port}`, audit);
  }

  get server(): Server {
    return this.app.getHttpServer() as Server;
  }

  /** Metadata of the violations that were recorded. */
  get violations(): Readonly<Record<string, unknown>>[] {
    return this.audit.events.map(({ metadata }) => metadata as Readonly<Record<string, unknown>>);
  }

  async stop(): Promise<void> {
    this.close();
    this.server.closeAllConnections();
    await this.app.close();
  }
}
