import { Controller, Delete, Get, Module } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Roles } from '../../src/auth/index.js';
import { Public } from '../../src/guards/index.js';
import { Role } from '../../src/users/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { sendBytes } from '../support/socket.js';

const SECRET = 'what only administrators may read';

@Controller('vault')
class VaultController {
  @Get('secret')
  @Roles(Role.Admin)
  secret(): string {
    return SECRET;
  }

  @Delete('secret')
  @Roles(Role.Admin)
  remove(): string {
    return SECRET;
  }

  @Get('open')
  @Public()
  open(): string {
    return 'open';
  }
}

@Module({ controllers: [VaultController] })
class VaultModule {}

/** Request lines that passed guards which compare paths, while the router still found the route. */
const TARGETS = [
  '/v1/vault/secret',
  '/v1/vault/secret/',
  '/v1/vault/secret//',
  '//v1/vault/secret',
  '/v1//vault/secret',
  '/v1/vault//secret',
  '///v1/vault/secret',
  '/V1/VAULT/SECRET',
  '/v1/Vault/Secret',
  '/v1/vault/secret;',
  '/v1/vault/secret;a=b',
  '/v1/vault;/secret',
  '/v1;x=y/vault/secret',
  '/v1/vault%2fsecret',
  '/v1/vault%2Fsecret',
  '/v1/vault%252fsecret',
  '/v1/vault/%73ecret',
  '/%761/vault/secret',
  '/v1/vault/secre%74',
  '/v1/vault/secret%20',
  '/v1/vault/secret%00',
  '/v1/vault/secret%09',
  '/v1/vault/secret%0a',
  '/v1/vault/secret%23',
  '/v1/vault/secret%3f',
  '/v1/vault/secret%3b',
  '/v1/vault/./secret',
  '/v1/vault/open/../secret',
  '/v1/vault/open/..%2fsecret',
  '/v1/vault/open/%2e%2e/secret',
  '/v1/vault/open/%2e%2e%2fsecret',
  '/v1/vault/open/..;/secret',
  '/v1/vault/open/..\\secret',
  '/v1/vault/open\\..\\secret',
  '/v1\\vault\\secret',
  '/v1/vault%5csecret',
  '/v1/vault/secret.json',
  '/v1/vault/secret.',
  '/v1/vault/secret?',
  '/v1/vault/secret?x=/v1/vault/open',
  '/v1/vault/secret?_method=GET',
  '/v1/vault/secret#/v1/vault/open',
  '/v1/vault/open/../../vault/secret',
  '/v1/vault/s%E1%9E%B5ecret',
  '/v1/vault/ſecret',
  '/v1/vault/%c5%bfecret',
  '/v1/vault/secret%c0%af',
  '/v1/vault/sec%u0072et',
  'http://localhost/v1/vault/secret',
  'http://localhost//v1/vault/secret',
  'HTTP://LOCALHOST/v1/vault/secret',
  'https://evil.example/v1/vault/secret',
  'http://localhost@/v1/vault/secret',
  'x:/v1/vault/secret',
  '*/v1/vault/secret',
  'v1/vault/secret',
  '@/v1/vault/secret',
];

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'get', 'GeT'];

const HEADERS = [
  'X-HTTP-Method-Override: GET',
  'X-Original-URL: /v1/vault/secret',
  'X-Rewrite-URL: /v1/vault/secret',
  'X-Forwarded-Path: /v1/vault/secret',
  'X-Forwarded-Prefix: /v1/vault/secret',
  'X-Forwarded-For: 127.0.0.1',
  'X-Custom-IP-Authorization: 127.0.0.1',
  'Authorization: Bearer null',
  'Authorization: Basic YWRtaW46YWRtaW4=',
  'X-User: {"roles":["Admin"]}',
];

onBothAdapters('tricks with paths and methods', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [VaultModule] })));
  afterAll(() => app.stop());

  const send = (method: string, target: string, header = 'X-Plain: 1') =>
    sendBytes(
      app.baseUrl,
      Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${header}\r\nConnection: close\r\n\r\n`),
    );

  it('do not block an administrator, so that the tests below are meaningful', async () => {
    const { id, email, password } = await app.register();
    await app.sql(`UPDATE users SET roles = '{Admin}' WHERE id = $1`, [id]);
    const { token } = await app.login(email, password);
    const answer = await send('GET', '/v1/vault/secret', `Authorization: Bearer ${token}`);
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: SECRET });
  });

  it.each(TARGETS)('do not give access to a protected route: %s', async (target) => {
    for (const method of METHODS) {
      const { status, text } = await send(method, target);
      // A preflight reveals nothing about the route.
      expect({ method, status: [400, 401, 403, 404, 405].includes(status) ? 'refused' : status }).toEqual({
        method,
        status: 'refused',
      });
      expect(text).not.toContain(SECRET);
    }
  });

  it.each(HEADERS)('do not give access by a header: %s', async (header) => {
    for (const target of ['/v1/vault/secret', '/v1/vault/open', '/']) {
      const { status, text } = await send('GET', target, header);
      expect(status).toBe(target.endsWith('open') ? 200 : target === '/' ? 404 : 401);
      expect(text).not.toContain(SECRET);
    }
  });
});
