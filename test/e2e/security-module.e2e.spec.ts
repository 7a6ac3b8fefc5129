import type { AddressInfo } from 'node:net';
import { Body, Controller, Get, Module, Post, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  AllowAddresses,
  BodyLimit,
  CspNonce,
  setServerTimeouts,
  Page,
  RefuseOperators,
  SecurityModule,
  type SecurityModuleOptions,
} from '../../src/security/index.js';
import { TestClient } from '../support/client.js';

@Controller()
class ConsumerController {
  @Get('large')
  large(): { text: string } {
    return { text: 'a line that compresses well\n'.repeat(200) };
  }

  @Post('echo')
  echo(@Body() body: unknown): { body: unknown } {
    return { body };
  }

  @Post('small')
  @BodyLimit('20b')
  small(): object {
    return {};
  }

  @Post('operators')
  @RefuseOperators()
  operators(): object {
    return {};
  }

  @Get('query')
  query(@Query() query: unknown): unknown {
    return query;
  }

  @Get('elsewhere')
  @AllowAddresses('192.0.2.0/24')
  elsewhere(): object {
    return {};
  }

  @Get('page')
  @Page()
  page(@CspNonce({ 'img-src': ['data:'] }) nonce: string): string {
    return `<!doctype html><style nonce="${nonce}"></style>`;
  }
}

describe.each(['fastify', 'express'] as const)('SecurityModule in a separate application, on %s', (adapter) => {
  let stop: () => Promise<void> = async () => undefined;
  afterEach(() => stop());

  async function start(options: SecurityModuleOptions = {}, nest: { bodyParser?: boolean } = { bodyParser: false }) {
    @Module({ imports: [SecurityModule.forRoot(options)], controllers: [ConsumerController] })
    class ConsumerModule {}

    const http = adapter === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
    const app = await NestFactory.create(ConsumerModule, http, { logger: false, abortOnError: false, ...nest });
    setServerTimeouts(app.getHttpServer());
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const client = new TestClient(`http://127.0.0.1:${port}`);
    stop = async () => {
      client.close();
      await app.close();
    };
    return client;
  }

  it('protects routes, error responses and preflights', async () => {
    const client = await start({ cors: { origins: ['https://*.app.example'] } });
    const origin = { Origin: 'https://a.app.example' };
    const preflight = { ...origin, 'Access-Control-Request-Method': 'POST' };
    const answers = [
      await client.get('/large', { headers: { ...origin, 'Accept-Encoding': 'gzip' } }),
      await client.get('/none', { headers: origin }),
      await client.send('OPTIONS', '/echo', { headers: preflight }),
      await client.post('/echo', '{"__proto__":1}', { headers: origin }),
      await client.post('/small', { text: 'x'.repeat(50) }, { headers: origin }),
      await client.post('/operators', { a: { $ne: 1 } }, { headers: origin }),
      await client.get('/query?a=%00', { headers: origin }),
      await client.get('/elsewhere', { headers: origin }),
      await client.send('TRACE', '/large', { headers: origin }),
      await client.post('/echo', '<a/>', { headers: { ...origin, 'Content-Type': 'application/xml' } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 204, 400, 413, 400, 400, 403, 405, 415]);
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'content-security-policy': expect.stringContaining("default-src 'none'"),
        'x-content-type-options': 'nosniff',
        'access-control-allow-origin': 'https://a.app.example',
      });
      expect(headers).not.toHaveProperty('x-powered-by');
    }
    expect(answers[0]?.headers['content-encoding']).toBe('gzip');
    expect(answers[0]?.headers['vary']).toMatch(/\bOrigin\b.*Accept-Encoding/i);
  });

  it.each([false, true, undefined])('reads a body once with the Nest option bodyParser: %s', async (bodyParser) => {
    const client = await start({ controlCharacters: 'strip' }, { bodyParser });
    expect((await client.post('/echo', { a: [1] })).body).toEqual({ body: { a: [1] } });
    expect((await client.post('/echo', '{"a":"x\\u0000y"}')).body).toEqual({ body: { a: 'xy' } });
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    expect((await client.post('/echo', 'a=1&a=2&b[c]=3', { headers })).body).toEqual({
      body: { a: ['1', '2'], 'b[c]': '3' },
    });
    expect((await client.post('/echo', '[['.repeat(50))).status).toBe(400);
    expect((await client.get('/query?a=x%00y&b=1&b=%012')).body).toEqual({ a: 'xy', b: ['1', '2'] });
  });

  it('uses a new nonce for each page', async () => {
    const client = await start();
    const [one, other] = [await client.get('/page'), await client.get('/page')];
    const nonceOf = (policy: unknown) => /style-src 'nonce-([^']+)'/.exec(String(policy))?.[1] ?? '';
    const nonces = [one, other].map(({ headers }) => nonceOf(headers['content-security-policy']));
    expect(new Set(nonces).size).toBe(2);
    expect(one.text).toContain(`nonce="${nonces[0]}"`);
    expect(one.headers['content-security-policy']).toContain('img-src data:');
    expect(one.headers['content-type']).toBe('text/html; charset=utf-8');
    expect((await client.get('/large')).headers['content-security-policy']).not.toContain('nonce');
  });

  it('applies the configured limits', async () => {
    const client = await start({
      limits: { bodyBytes: 100, jsonDepth: 2, repeatedParameters: 1, urlLength: 50 },
      methods: ['GET', 'POST'],
      compression: false,
      refuseOperators: true,
    });
    const statuses = [
      await client.post('/echo', { text: 'x'.repeat(200) }),
      await client.post('/echo', [[[1]]]),
      await client.get('/query?a=1&a=2'),
      await client.get(`/query?a=${'x'.repeat(60)}`),
      await client.send('DELETE', '/echo'),
      await client.post('/echo', { $ne: 1 }),
      await client.get('/large', { headers: { 'Accept-Encoding': 'gzip' } }),
    ];
    expect(statuses.map(({ status }) => status)).toEqual([413, 400, 400, 414, 405, 400, 200]);
    expect(statuses.at(-1)?.headers).not.toHaveProperty('content-encoding');
  });

  it.each([
    [{ cors: { origins: ['https://*.com'] } }, 'strangers'],
    [{ cors: { origins: ['*'], credentials: true } }, 'every site'],
    [{ denyAddresses: ['everybody'] }, 'neither an address'],
  ])('does not start with %j', async (options, reason) => {
    await expect(start(options)).rejects.toThrow(reason);
  });

  it('does not start without the compression package, and names the install command', async () => {
    const name = adapter === 'fastify' ? '@fastify/compress' : 'compression';
    vi.doMock(name, () => {
      throw new Error(`Cannot find package '${name}'`);
    });
    try {
      await expect(start()).rejects.toThrow(`npm install "${name}@`);
      expect((await (await start({ compression: false })).get('/large')).status).toBe(200);
    } finally {
      vi.doUnmock(name);
    }
  });
});
