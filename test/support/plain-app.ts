import type { AddressInfo, Server } from 'node:net';
import type { INestApplication, LoggerService, ModuleMetadata, NestApplicationOptions } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TestClient } from './client.js';
import type { AdapterName } from './harness.js';

/**
 * An application with its own `main.ts`: `NestFactory.create()` with some modules of the suite, and nothing else. What it
 * lacks, users of the library lack too.
 */
export class PlainApp extends TestClient {
  private constructor(
    readonly app: INestApplication,
    url: string,
  ) {
    super(url);
  }

  /** @param prepare what the `main.ts` does between `create()` and `listen()` */
  static async start(
    adapter: AdapterName | AbstractHttpAdapter,
    metadata: ModuleMetadata,
    prepare: (app: INestApplication) => void | Promise<void> = () => undefined,
    options: NestApplicationOptions = {},
  ): Promise<PlainApp> {
    class AppModule {}
    const app = await NestFactory.create(
      { module: AppModule, ...metadata },
      typeof adapter === 'string' ? createPlainAdapter(adapter) : adapter,
      { logger: false, abortOnError: false, ...options },
    );
    await prepare(app);
    try {
      await app.listen(0, '127.0.0.1');
    } catch (error) {
      await app.close();
      throw error;
    }
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    return new PlainApp(app, `http://127.0.0.1:${port}`);
  }

  async stop(): Promise<void> {
    this.close();
    await this.app.close();
  }
}

/** The adapter as applications create it. */
function createPlainAdapter(adapter: AdapterName): AbstractHttpAdapter {
  return (adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter()) as AbstractHttpAdapter;
}

/** A logger of an application that keeps what it receives. */
export class KeptLog implements LoggerService {
  readonly lines: { level: string; message: unknown }[] = [];
  log = (message: unknown) => this.keep('log', message);
  error = (message: unknown) => this.keep('error', message);
  warn = (message: unknown) => this.keep('warn', message);
  fatal = (message: unknown) => this.keep('fatal', message);

  private keep(level: string, message: unknown): void {
    this.lines.push({ level, message });
  }
}
