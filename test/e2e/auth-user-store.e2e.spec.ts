import type { AddressInfo } from 'node:net';
import { VersioningType, type INestApplication } from '@nestjs/common';
import { HttpAdapterHost, NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AuthModule, authMigrations, MailSender, type Mail } from '../../src/auth/index.js';
import { ProblemFilter } from '../../src/problem/index.js';
import { DatabaseModule } from '../../src/database/index.js';
import { createValidationPipe } from '../../src/security/index.js';
import { Authenticator } from '../support/authenticator.js';
import { TestClient } from '../support/client.js';
import { freshDatabase } from '../support/database.js';
import { onBothAdapters } from '../support/harness.js';
import { MemoryUserStore } from '../support/memory-user.store.js';
import { until } from '../support/until.js';

const email = 'ada@example.com';
const password = 'correct horse battery';

class KeptMails extends MailSender {
  readonly mails: Mail[] = [];

  async send(mail: Mail): Promise<void> {
    this.mails.push(mail);
  }

  async token(subject: RegExp): Promise<string> {
    const find = () => this.mails.findLast((mail) => subject.test(mail.subject));
    await until(`a mail ${subject.source} arrives`, () => find() !== undefined);
    return /token: ([\w-]+)/.exec(find()?.text ?? '')?.[1] ?? '';
  }
}

/** An application with its own user store. Sessions, tokens and mail are in PostgreSQL, without a `users` table. */
onBothAdapters('an application with its own user store', (adapter) => {
  const userStore = new MemoryUserStore();
  const mailSender = new KeptMails();
  let app: INestApplication;
  let client: TestClient;
  beforeAll(async () => {
    const url = await freshDatabase();
    const secret = 'a secret of the test suite, long enough for HS256';
    const modules = [
      DatabaseModule.forRoot({ url, migrations: authMigrations }),
      AuthModule.forRoot({
        secret,
        bcryptCost: 4,
        userStore,
        mailSender,
        admin: { email: 'root@example.com', password },
      }),
    ];
    class ConsumerModule {}
    app = await NestFactory.create(
      { module: ConsumerModule, imports: modules },
      (adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter()) as AbstractHttpAdapter,
      { logger: false },
    );
    app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    app.useGlobalPipes(createValidationPipe());
    app.useGlobalFilters(new ProblemFilter(app.get(HttpAdapterHost)));
    await app.listen(0, '127.0.0.1');
    client = new TestClient(`http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`);
  });
  afterAll(async () => {
    client.close();
    await app.close();
  });

  const login = (secret = password, address = email) =>
    client.post('/auth/login', { email: address, password: secret });

  it('has no users table', async () => {
    expect(await app.get(DataSource).query(`SELECT to_regclass('users') AS users`)).toEqual([{ users: null }]);
  });

  it('supports the account routes', async () => {
    const registered = await client.post('/auth/register', { email: email.toUpperCase(), password, name: 'Ada' });
    expect(registered.status).toBe(201);
    expect((await client.post('/auth/register', { email, password, name: 'Ada' })).body.code).toBe('EMAIL_TAKEN');
    expect((await login('wrong password')).status).toBe(401);
    const { body } = await login();
    const token: string = body.accessToken;
    expect((await client.get('/auth/profile', { token })).body).toMatchObject({ email, name: 'Ada', roles: ['User'] });
    await client.patch('/auth/profile', { name: 'Ada L.' }, { token });
    expect((await client.get('/auth/sessions', { token })).body.sessions).toHaveLength(2);
    expect((await client.post('/auth/verify-email', { token: await mailSender.token(/^Confirm/) })).status).toBe(204);
    await client.post('/auth/forgot-password', { email });
    const reset = { token: await mailSender.token(/^Reset/), password: 'a new and better one' };
    expect((await client.post('/auth/reset-password', reset)).status).toBe(204);
    expect((await client.get('/auth/profile', { token })).body.code).toBe('AUTH_TOKEN_REVOKED');
    expect((await login('a new and better one')).status).toBe(200);
    expect(await userStore.findByEmail(email)).toMatchObject({ name: 'Ada L.', emailVerifiedAt: expect.any(Date) });
  });

  it('allows administrators to list and lock its users', async () => {
    const admin = (await login(password, 'root@example.com')).body.accessToken;
    const { body } = await client.get('/admin/users?search=ada', { token: admin });
    expect(body.users).toEqual([expect.objectContaining({ email, locked: false })]);
    const user = (await login('a new and better one')).body;
    await client.patch(`/admin/users/${body.users[0].id}`, { locked: true }, { token: admin });
    expect((await client.get('/auth/profile', { token: user.accessToken })).body.code).toBe('AUTH_TOKEN_REVOKED');
    expect((await login('a new and better one')).body.code).toBe('ACCOUNT_LOCKED');
    await client.patch(`/admin/users/${body.users[0].id}`, { locked: false }, { token: admin });
  });

  it('supports a second factor, and keeps no data of a deleted account', async () => {
    const { accessToken: token, user } = (await login('a new and better one')).body;
    const begun = await client.post('/auth/mfa/totp', undefined, { token });
    const authenticator = new Authenticator(begun.body.uri);
    await client.post('/auth/mfa/totp/confirm', { code: authenticator.next() }, { token });
    const { mfaToken } = (await login('a new and better one')).body;
    const second = await client.post('/auth/login/mfa', { mfaToken, code: authenticator.next() });
    expect(second.status).toBe(200);
    const gone = await client.post('/auth/delete-account', { currentPassword: 'a new and better one' }, { token });
    expect(gone.status).toBe(204);
    expect((await client.get('/auth/profile', { token: second.body.accessToken })).status).toBe(401);
    for (const table of ['auth_sessions', 'auth_one_time_tokens', 'auth_second_factors', 'auth_recovery_codes']) {
      expect(await app.get(DataSource).query(`SELECT 1 FROM ${table} WHERE user_id = $1`, [user.id])).toEqual([]);
    }
  });
});
