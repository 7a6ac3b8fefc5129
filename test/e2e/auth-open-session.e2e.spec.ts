import type { AddressInfo } from 'node:net';
import { Body, Controller, Global, Module, Post, VersioningType, type INestApplication } from '@nestjs/common';
import { HttpAdapterHost, NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  AuthModule,
  authMigrations,
  AuthService,
  MailSender,
  Public,
  TokenRoute,
  type Mail,
  type TokenView,
} from '../../src/auth/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { AuditTrail, type AuditInput } from '../../src/ports/index.js';
import { ProblemFilter } from '../../src/problem/index.js';
import { createValidationPipe } from '../../src/security/index.js';
import { UsersService, usersMigrations } from '../../src/users/index.js';
import { Authenticator } from '../support/authenticator.js';
import { Browser } from '../support/browser.js';
import { TestClient, type Call } from '../support/client.js';
import { freshDatabase } from '../support/database.js';
import { onBothAdapters } from '../support/harness.js';
import { until } from '../support/until.js';

const email = 'ada@example.com';
const password = 'correct horse battery';
const root = { email: 'root@example.com', password };

const events: AuditInput[] = [];
class RecordingAudit extends AuditTrail {
  record(event: AuditInput): void {
    events.push(event);
  }
}

@Global()
@Module({ providers: [{ provide: AuditTrail, useClass: RecordingAudit }], exports: [AuditTrail] })
class RecordingModule {}

class KeptMails extends MailSender {
  readonly mails: Mail[] = [];

  async send(mail: Mail): Promise<void> {
    this.mails.push(mail);
  }
}

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

/** A client that wants its tokens in the body. */
class ProgramClient extends TestClient {
  override post = (path: string, body?: unknown, call: Call = {}) =>
    this.send('POST', path, { ...call, body, headers: { 'Token-Delivery': 'body', ...call.headers } });
}

/** The login of an application: another system has authenticated the user, by the methods in the body. */
@Controller('sso')
class SingleSignOnController {
  constructor(
    private readonly auth: AuthService,
    private readonly users: UsersService,
  ) {}

  @Post()
  @Public()
  @TokenRoute('login')
  async logIn(@Body() { methods, address }: { methods: string[]; address: string }): Promise<TokenView> {
    const user =
      (await this.users.findForLogin(address)) ??
      (await this.users.create({ email: address, name: 'Ada', passwordHash: 'none', roles: ['User'] }));
    return this.auth.openSession(user, { methods });
  }
}

onBothAdapters('an application with its own login and closed registration', (adapter) => {
  const mailSender = new KeptMails();
  let app: INestApplication;
  let client: ProgramClient;
  let browser: Browser;
  beforeAll(async () => {
    class ConsumerModule {}
    app = await NestFactory.create(
      {
        module: ConsumerModule,
        imports: [
          RecordingModule,
          DatabaseModule.forRoot({ url: await freshDatabase(), migrations: [...usersMigrations, ...authMigrations] }),
          AuthModule.forRoot({
            secret: 'a secret of the test suite, long enough for HS256',
            bcryptCost: 4,
            registration: 'closed',
            cookies: {},
            mailSender,
            admin: root,
          }),
        ],
        controllers: [SingleSignOnController],
      },
      (adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter()) as AbstractHttpAdapter,
      { logger: false },
    );
    app.enableVersioning({ type: VersioningType.URI });
    app.useGlobalPipes(createValidationPipe());
    app.useGlobalFilters(new ProblemFilter(app.get(HttpAdapterHost)));
    await app.listen(0, '127.0.0.1');
    const url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
    client = new ProgramClient(url);
    browser = new Browser(new TestClient(url));
  });
  afterAll(async () => {
    client.close();
    await app.close();
  });

  const signOn = (methods: string[], address = email) => client.post('/sso', { methods, address });

  it('opens sessions of the suite, with the methods in the token and an audit event', async () => {
    const { status, body } = await signOn(['hwk', 'mfa']);
    expect([status, body.tokenType]).toEqual([201, 'Bearer']);
    expect(claimsOf(body.accessToken as string)['amr']).toEqual(['hwk', 'mfa']);
    const token: string = body.accessToken;
    expect((await client.get('/auth/profile', { token })).body).toMatchObject({ email });
    expect((await client.get('/auth/sessions', { token })).body.sessions).toHaveLength(1);
    const { body: next } = await client.post('/auth/refresh', { refreshToken: body.refreshToken });
    expect(claimsOf(next.accessToken as string)['amr']).toEqual(['hwk', 'mfa']);
    expect(events.findLast(({ action }) => action === 'auth.login')).toMatchObject({
      outcome: 'success',
      actorId: body.user.id,
      metadata: { methods: ['hwk', 'mfa'] },
    });
    expect((await client.post('/auth/logout', { refreshToken: next.refreshToken })).status).toBe(204);
    expect((await client.get('/auth/profile', { token })).body.code).toBe('AUTH_TOKEN_REVOKED');
  });

  it('delivers the tokens to a browser in cookies', async () => {
    const { body } = await browser.post('/sso', { methods: ['fed'], address: email });
    expect(body.accessToken).toBeUndefined();
    expect(browser.names()).toContain('__Host-bulwark-access');
    expect((await browser.get('/auth/profile')).body).toMatchObject({ email });
  });

  it('requires the second factor of the suite, unless the methods include two factors', async () => {
    const address = 'grace@example.com';
    const { accessToken: token } = (await signOn(['fed'], address)).body;
    const begun = await client.post('/auth/mfa/totp', undefined, { token });
    const authenticator = new Authenticator(begun.body.uri);
    expect((await client.post('/auth/mfa/totp/confirm', { code: authenticator.next() }, { token })).status).toBe(200);
    const refused = await signOn(['fed'], address);
    expect([refused.status, refused.body.code]).toEqual([401, 'AUTH_MFA_REQUIRED']);
    const second = { mfaToken: refused.body.mfaToken, code: authenticator.next() };
    expect((await client.post('/auth/login/mfa', second)).status).toBe(200);
    expect((await signOn(['fed', 'mfa'], address)).status).toBe(201);
  });

  it('opens none for a locked account, an unknown user, or without a method', async () => {
    const auth = app.get(AuthService);
    const { id } = (await signOn(['fed'])).body.user as { id: string };
    await app.get(DataSource).query('UPDATE users SET locked_at = now() WHERE id = $1', [id]);
    expect((await signOn(['fed'])).body.code).toBe('ACCOUNT_LOCKED');
    const unknown = { id: '0190a6c8-0000-7000-8000-000000000000' };
    await expect(auth.openSession(unknown, { methods: ['fed'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(auth.openSession({ id }, { methods: [] })).rejects.toThrow(TypeError);
    await expect(auth.openSession({ id }, { methods: ['a b'] })).rejects.toThrow(TypeError);
  });

  it('answers a registration with 403, and administrators create accounts', async () => {
    const closed = await client.post('/auth/register', { email: 'eve@example.com', password, name: 'Eve' });
    expect([closed.status, closed.body.code]).toEqual([403, 'REGISTRATION_CLOSED']);
    expect(await app.get(UsersService).findForLogin('eve@example.com')).toBeNull();

    const { accessToken: token } = (await client.post('/auth/login', root)).body;
    const created = await client.post('/admin/users', { email: 'Eve@example.com', name: 'Eve' }, { token });
    expect([created.status, created.body]).toEqual([
      201,
      expect.objectContaining({ email: 'eve@example.com', roles: ['User'], emailVerified: false }),
    ]);
    expect(events.at(-1)).toMatchObject({ action: 'user.create', target: `user:${created.body.id}` });
    const again = await client.post('/admin/users', { email: 'eve@example.com', name: 'Eve' }, { token });
    expect(again.body.code).toBe('EMAIL_TAKEN');
    const unknownRole = await client.post(
      '/admin/users',
      { email: 'x@example.com', name: 'X', roles: ['No'] },
      { token },
    );
    expect(unknownRole.body.code).toBe('VALIDATION_FAILED');

    const invitation = () => mailSender.mails.find(({ to }) => to === 'eve@example.com');
    await until('the invitation arrives', () => invitation() !== undefined);
    const secret = /token: ([\w-]+)/.exec(invitation()?.text ?? '')?.[1];
    const chosen = await client.post('/auth/reset-password', { token: secret, password: 'a password of her own' });
    expect(chosen.status).toBe(204);
    const login = await client.post('/auth/login', { email: 'eve@example.com', password: 'a password of her own' });
    expect(login.status).toBe(200);
    const asUser = await client.post(
      '/admin/users',
      { email: 'y@example.com', name: 'Y' },
      { token: login.body.accessToken },
    );
    expect(asUser.status).toBe(403);
  });
});
