import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Global,
  Injectable,
  Module,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type ModuleMetadata,
} from '@nestjs/common';
import { HttpAdapterHost, NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AuditTrail, Metrics, type AuditInput, type Labels, type MetricOptions } from '../../src/ports/index.js';
import { ChainedGuard, GuardOrder } from '../../src/guards/index.js';
import { ProblemFilter } from '../../src/problem/index.js';
import type { AdapterRequest } from '../../src/context/index.js';
import { createTrustProxyOption } from '../../src/security/index.js';
import { parseList as parseStructuredList } from 'structured-headers';
import { TestClient } from './client.js';
import type { AdapterName } from './harness.js';

/** Authenticates by the header `x-user: id role role`. */
@Injectable()
@ChainedGuard({ order: GuardOrder.Authentication })
class HeaderAuthentication implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const request = context.switchToHttp().getRequest<AdapterRequest>();
    const [id, ...roles] = String(request.headers['x-user'] ?? '').split(' ');
    if (id) request.user = { id, email: `${id}@example.com`, roles, sessionId: id };
    return true;
  }
}

class RecordingAudit extends AuditTrail {
  readonly events: AuditInput[] = [];
  record(event: AuditInput): void {
    this.events.push(event);
  }
}

class RecordingMetrics extends Metrics {
  readonly counts = new Map<string, number>();
  readonly read = new Map<string, () => number | Promise<number>>();

  counter({ name }: MetricOptions) {
    return {
      labels: (labels: Labels) => ({
        add: (amount = 1) => {
          const key = [name, ...Object.values(labels)].join(' ');
          this.counts.set(key, (this.counts.get(key) ?? 0) + amount);
        },
      }),
    };
  }
  histogram() {
    return { labels: () => ({ observe: () => undefined }) };
  }
  gauge({ name }: MetricOptions, read: () => number | Promise<number>): void {
    this.read.set(name, read);
  }
  gauges(): void {}
}

/** A small application around ThrottlerModule, without a database, that listens. */
export class ThrottledApp extends TestClient {
  readonly audit = new RecordingAudit();
  readonly metrics = new RecordingMetrics();
  app!: INestApplication;

  private constructor(url: string) {
    super(url);
  }

  /**
   * @param prepare called before the application listens
   * @param trustedHops number of proxies whose X-Forwarded-For the adapter trusts
   */
  static async start(
    adapter: AdapterName,
    metadata: ModuleMetadata,
    prepare: (app: INestApplication) => void | Promise<void> = () => undefined,
    trustedHops = 0,
  ): Promise<ThrottledApp> {
    const recorder = new ThrottledApp('http://127.0.0.1');
    @Global()
    @Module({
      providers: [
        { provide: AuditTrail, useValue: recorder.audit },
        { provide: Metrics, useValue: recorder.metrics },
      ],
      exports: [AuditTrail, Metrics],
    })
    class Recorders {}

    @Module({
      ...metadata,
      imports: [Recorders, ...(metadata.imports ?? [])],
      providers: [HeaderAuthentication, ...(metadata.providers ?? [])],
    })
    class Root {}

    const trustProxy = createTrustProxyOption(trustedHops > 0 && trustedHops);
    const server = adapter === 'fastify' ? new FastifyAdapter({ trustProxy }) : new ExpressAdapter();
    if (server instanceof ExpressAdapter) server.set('trust proxy', trustProxy);
    const app = await NestFactory.create(Root, server as AbstractHttpAdapter, { logger: false, abortOnError: false });
    app.useGlobalFilters(new ProblemFilter(app.get(HttpAdapterHost)));
    await prepare(app);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const started = new ThrottledApp(`http://127.0.0.1:${port}`);
    return Object.assign(started, { app, audit: recorder.audit, metrics: recorder.metrics });
  }

  /** Sends the same request `count` times. Returns the statuses. */
  async statuses(count: number, path: string, call: Parameters<TestClient['get']>[1] = {}): Promise<number[]> {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) statuses.push((await this.get(path, call)).status);
    return statuses;
  }

  async stop(): Promise<void> {
    this.close();
    // Otherwise the server would wait for connections that a client opened and never used.
    (this.app.getHttpServer() as Server).closeAllConnections();
    await this.app.close();
  }
}

/** Items of a structured field that is a list of strings with whole numbers as parameters (RFC 9651). */
export function parseList(field: unknown): Record<string, Record<string, number>> {
  if (typeof field !== 'string') throw new TypeError(`no such field: ${String(field)}`);
  const items: Record<string, Record<string, number>> = {};
  for (const [name, parameters] of parseStructuredList(field)) {
    if (typeof name !== 'string') throw new SyntaxError(`no list of strings: ${field}`);
    if (name in items) throw new SyntaxError(`twice in the list: ${name}`);
    items[name] = Object.fromEntries([...parameters].map(([key, value]) => [key, wholeNumber(value)]));
  }
  return items;
}

function wholeNumber(value: unknown): number {
  if (!Number.isInteger(value)) throw new SyntaxError(`no whole number: ${String(value)}`);
  return Number(value);
}
