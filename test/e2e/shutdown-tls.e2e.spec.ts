import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShutdownModule, ShutdownService } from '../../src/shutdown/index.js';
import { CertificateAuthority } from '../support/certificates.js';
import { ClosingLoad, createHttp2Client, createTlsClient } from '../support/closing-load.js';
import { testFolder } from '../support/folder.js';
import { until } from '../support/until.js';

const CLIENTS = 20;

@Controller('work')
class WorkController {
  /** Long enough that requests are in flight at any moment. */
  @Get()
  async work(): Promise<object> {
    await sleep(20);
    return { work: 'done' };
  }
}

@Module({ imports: [ShutdownModule.forRoot({ drainDelayMs: 0 })], controllers: [WorkController] })
class ConsumerModule {}

interface Tls {
  key: Buffer;
  cert: Buffer;
}

const servers: Record<string, (tls: Tls) => Promise<INestApplication>> = {
  'HTTPS on express': (httpsOptions) =>
    NestFactory.create(ConsumerModule, new ExpressAdapter(), { httpsOptions, logger: false }),
  'HTTPS on fastify': (https) => NestFactory.create(ConsumerModule, new FastifyAdapter({ https }), { logger: false }),
  'HTTP/2 over TLS on fastify': (https) =>
    NestFactory.create(ConsumerModule, new FastifyAdapter({ http2: true, https }), { logger: false }),
  'HTTP/2 without TLS on fastify': () =>
    NestFactory.create(ConsumerModule, new FastifyAdapter({ http2: true }), { logger: false }),
};

let tls: Tls;
let ca: string;
let stopFolder: () => Promise<void>;
beforeAll(async () => {
  const { path, stop } = await testFolder();
  stopFolder = stop;
  const authority = new CertificateAuthority(path, 'shutdown');
  const { certificate, key } = authority.issue('localhost');
  tls = { key: readFileSync(key), cert: readFileSync(certificate) };
  ca = readFileSync(authority.certificate, 'utf8');
});
afterAll(() => stopFolder());

describe.each(Object.entries(servers))('a shutdown of %s, in an application with its own main.ts', (name, create) => {
  it('answers every request that clients send over open connections, and over those whose handshake has begun', async () => {
    const app = await create(tls);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const url = `${name.includes('without TLS') ? 'http' : 'https'}://localhost:${port}`;
    const load = new ClosingLoad(
      Array.from({ length: CLIENTS }, (_, index) => {
        const keepAlive = index % 2 === 0;
        return name.startsWith('HTTP/2')
          ? createHttp2Client(url, '/work', ca, keepAlive)
          : createTlsClient({ host: 'localhost', family: 4, port, path: '/work', ca }, keepAlive);
      }),
    );
    await until('the load is constant', () => load.answered > 5 * CLIENTS);
    load.stopConnecting();
    const { lost } = await app.get(ShutdownService).shutdown(app, 'test');
    await load.ends();
    expect(load.lost).toEqual([]);
    expect(lost).toEqual([]);
  });
});
