import { randomUUID } from 'node:crypto';
import type { AddressInfo, Server } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { INestApplication } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { describe, inject } from 'vitest';
import { AuditService } from '../../src/audit/index.js';
import { createApp, type CreateAppOptions } from '../../src/bootstrap.js';
import { TestClient, type Answer } from './client.js';
import { sqlSeeingAll, testDatabase } from './database.js';

export type AdapterName = 'fastify' | 'express';

/** Runs a suite on both adapters, because what it promises holds on both. */
export function onBothAdapters(name: string, suite: (adapter: AdapterName) => void): void {
  for (const adapter of ['fastify', 'express'] as const) {
    describe(`${name} on ${adapter}`, () => {
      suite(adapter);
    });
  }
}

/** A person with an account. */
export interface Visitor {
  id: string;
  email: string;
  password: string;
  token: string;
  refreshToken: string;
}

export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

/** The application of `createApp()`, listening, with what tests ask of it. */
export class TestApp extends TestClient {
  private constructor(
    readonly app: INestApplication,
    url: string,
    readonly logs: LogLine[],
  ) {
    super(url);
  }

  static async start(
    env: Record<string, string> = {},
    { imports, prepare }: Pick<CreateAppOptions, 'imports'> & { prepare?: (app: INestApplication) => void } = {},
  ): Promise<TestApp> {
    const logs: LogLine[] = [];
    const databaseUrl = env['DATABASE_URL'] ?? (await testDatabase());
    // Of the database alone: digests of one contradict another, and a journal is replayed into whatever is there.
    const auditFolder = join(inject('runFolder'), 'audit', basename(databaseUrl));
    const { app } = await createApp({
      env: {
        NODE_ENV: 'test',
        DATABASE_URL: databaseUrl,
        JWT_SECRET: 'a secret of the test suite, long enough for HS256',
        BCRYPT_COST: '4',
        THROTTLE_DEFAULT_LIMIT: '100000',
        THROTTLE_AUTH_LIMIT: '100000',
        THROTTLE_EMAIL_LIMIT: '100000',
        THROTTLE_FAILED_LOGIN_LIMIT: '100000',
        AUDIT_FLUSH_INTERVAL: '20ms',
        // On a busy machine, too, a run is to get to its end.
        PRODUCTION_TEST_TIMEOUT: '1m',
        AUDIT_JOURNAL_DIR: join(auditFolder, 'journal'),
        AUDIT_DIGEST_DIR: join(auditFolder, 'digests'),
        ...env,
      },
      imports,
      handleSignals: false,
      logDestination: { write: (line: string) => void logs.push(JSON.parse(line) as LogLine) },
    });
    prepare?.(app);
    // Room for a thousand clients at once: those whom a busy process leaves outside for some seconds are reset by Linux.
    // Both adapters take what Node's `listen()` takes; Nest's type does not say so.
    await app.listen({ port: 0, host: '127.0.0.1', backlog: 2_000 } as unknown as number);
    const { port } = app.getHttpServer().address() as AddressInfo;
    return new TestApp(app, `http://127.0.0.1:${port}`, logs);
  }

  async register(email = `${randomUUID()}@example.com`, password = 'correct horse battery'): Promise<Visitor> {
    return this.visitor(await this.post('/auth/register', { email, password, name: 'Some One' }), password);
  }

  async login(email: string, password: string): Promise<Visitor> {
    return this.visitor(await this.post('/auth/login', { email, password }), password);
  }

  private visitor({ status, body, text }: Answer, password: string): Visitor {
    if (status !== 200 && status !== 201) throw new Error(`no tokens: ${status} ${text}`);
    const { user, accessToken, refreshToken } = body;
    return { id: user.id, email: user.email, password, token: accessToken, refreshToken };
  }

  /** Rows of the application's own database; audit rows of all tenants among them. */
  sql(sql: string, values: unknown[] = []) {
    return sqlSeeingAll(this.app.get(DataSource), sql, values);
  }

  /** Stored audit events of one request, once all that was recorded has been written. */
  async auditOf(requestId: string) {
    const audit = this.app.get(AuditService);
    await audit.flush();
    return audit.findByRequest(requestId);
  }

  /** How many connections the server has, those of this client among them. */
  connections(): Promise<number> {
    const server = this.app.getHttpServer() as Server;
    return promisify(server.getConnections.bind(server))();
  }

  async stop(): Promise<void> {
    this.close();
    await this.app.close();
  }
}
