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

/** Runs a suite on both adapters, because both must have the same behaviour. */
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

/** The listening application of `createApp()`, with helpers for tests. */
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
    { prepare, ...options }: CreateAppOptions & { prepare?: (app: INestApplication) => void } = {},
  ): Promise<TestApp> {
    const logs: LogLine[] = [];
    const databaseUrl = env['DATABASE_URL'] ?? (await testDatabase());
    // Each database has its own folder. Digests of two databases conflict, and a journal is replayed into any database.
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
        // Long enough for a run on a busy machine.
        PRODUCTION_TEST_TIMEOUT: '1m',
        AUDIT_JOURNAL_DIR: join(auditFolder, 'journal'),
        AUDIT_DIGEST_DIR: join(auditFolder, 'digests'),
        ...env,
      },
      ...options,
      handleSignals: false,
      logDestination: { write: (line: string) => void logs.push(JSON.parse(line) as LogLine) },
    });
    prepare?.(app);
    // A long queue for a thousand clients at once: Linux resets clients that wait outside the queue for some seconds.
    // Both adapters accept the options of Node's `listen()`, but the type of Nest does not allow them.
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

  /** Rows of the application's own database, including the audit rows of all tenants. */
  sql(sql: string, values: unknown[] = []) {
    return sqlSeeingAll(this.app.get(DataSource), sql, values);
  }

  /** Stored audit events of one request, read after all recorded events have been written. */
  async auditOf(requestId: string) {
    const audit = this.app.get(AuditService);
    await audit.flush();
    return audit.findByRequest(requestId);
  }

  /** Number of connections of the server, including those of this client. */
  connections(): Promise<number> {
    const server = this.app.getHttpServer() as Server;
    return promisify(server.getConnections.bind(server))();
  }

  async stop(): Promise<void> {
    this.close();
    await this.app.close();
  }
}
