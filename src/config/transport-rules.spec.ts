import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { PRODUCTION, problemsOf, refusalOf } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';
import { postgresConnection } from './transport-security.js';

const PASSWORD = 'h5Kq2wZt';
const ELSEWHERE = `app:${PASSWORD}@db.internal/app`;

/** URLs without encryption, each with a part of the remedy that the error must show. */
const IN_THE_CLEAR: [variable: string, url: string, remedy: string][] = [
  ['DATABASE_URL', `postgres://${ELSEWHERE}`, 'add ?sslmode=verify-full'],
  ['DATABASE_URL', `postgres://${ELSEWHERE}?ssl=0`, 'add ?sslmode=verify-full'],
  ['DATABASE_URL', `postgres://${ELSEWHERE}?sslmode=verify-full&sslmode=`, 'DATABASE_TLS=off'],
  ['DATABASE_URL', `postgres://app:${PASSWORD}@localhost/app?host=db.internal`, 'DATABASE_TLS=off'],
  ['DATABASE_URL', `postgres://app:${PASSWORD}@127.0.0.1.example.com/app`, 'DATABASE_TLS=off'],
  ['DATABASE_URL', `postgres://app:${PASSWORD}@[2001:db8::1]:5432/app`, 'DATABASE_TLS=off'],
  ['DATABASE_MIGRATION_URL', `postgres://${ELSEWHERE}`, 'DATABASE_TLS=off'],
  ['REDIS_URL', `redis://:${PASSWORD}@cache.internal`, 'write rediss://'],
  ['REDIS_URL', `redis+sentinel://:${PASSWORD}@localhost,h2/master`, 'REDIS_TLS=off'],
  ['REDIS_URL', `redis+cluster://:${PASSWORD}@127.0.0.1:7000,10.0.0.2:7000`, 'REDIS_TLS=off'],
  ['MAIL_URL', `smtp://app:${PASSWORD}@mail.internal?ignoreTLS=true`, 'MAIL_TLS=off'],
  ['MAIL_URL', `smtp://app:${PASSWORD}@mail.internal?opportunisticTLS=true`, 'MAIL_TLS=off'],
  ['MAIL_URL', `smtp://app:${PASSWORD}@mail.internal?requireTLS=false`, 'remove ignoreTLS'],
];

const PROTECTED: [variable: string, url: string][] = [
  ['DATABASE_URL', `postgres://${ELSEWHERE}?sslmode=verify-full&sslrootcert=/ca.pem`],
  ['DATABASE_URL', `postgres://${ELSEWHERE}?sslmode=require`],
  ['DATABASE_URL', `postgres://${ELSEWHERE}?sslrootcert=/ca.pem`],
  ['DATABASE_URL', `postgres://${ELSEWHERE}?ssl=true`],
  ['DATABASE_URL', `postgres://app:${PASSWORD}@localhost/app`],
  ['DATABASE_URL', `postgres://app:${PASSWORD}@127.0.0.2:5433/app`],
  ['DATABASE_URL', `postgres://app:${PASSWORD}@[::1]/app`],
  ['DATABASE_URL', 'postgres:///app?host=/var/run/postgresql'],
  ['DATABASE_URL', 'postgres://%2Fvar%2Frun%2Fpostgresql/app'],
  // The operator has switched TLS off explicitly.
  ['DATABASE_URL', `postgres://${ELSEWHERE}?sslmode=disable`],
  ['REDIS_URL', `rediss://:${PASSWORD}@cache.internal`],
  ['REDIS_URL', `rediss+cluster://:${PASSWORD}@h1,h2`],
  ['REDIS_URL', 'redis://127.0.0.1:6379'],
  ['REDIS_URL', 'redis+sentinel://localhost,[::1]:26379/master'],
  ['MAIL_URL', `smtps://app:${PASSWORD}@mail.internal`],
  ['MAIL_URL', `smtp://app:${PASSWORD}@mail.internal:587`],
  ['MAIL_URL', 'smtp://localhost?ignoreTLS=true'],
  ['MAIL_URL', 'file:/var/mails'],
];

const PARAMETERS = [
  '',
  'ssl=0',
  'ssl=1',
  'ssl=true',
  'sslmode=',
  'sslmode=disable',
  'sslmode=prefer',
  'sslmode=verify-full',
  'sslmode=no-verify',
  'sslmode=disable&sslmode=require',
  'sslmode=require&sslmode=disable',
  'sslmode=disable&ssl=true',
  'sslnegotiation=direct',
  'host=db.internal',
  'host=/var/run',
  'host=',
];

const settingOf = (variable: string) => variable.replace(/(?:_MIGRATION)?_URL$/, '_TLS');

describe('the URL of a database', () => {
  it.each(PARAMETERS)('has the same meaning as for the driver: %j', (parameters) => {
    const url = `postgres://app@localhost/app?${parameters}`;
    const client = new Client({ connectionString: url });
    const { ssl } = client as unknown as { ssl: unknown };
    const connection = postgresConnection(url);
    expect(connection.encryption !== 'none').toBe(Boolean(ssl));
    expect(connection.isLocal).toBe(client.host !== 'db.internal');
    const isUnchecked = (ssl as { rejectUnauthorized?: boolean } | undefined)?.rejectUnauthorized === false;
    expect(connection.encryption === 'unverified').toBe(isUnchecked);
  });
});

describe('a connection to another machine', () => {
  it.each(IN_THE_CLEAR)('is refused in production if it is not encrypted: %s=%s', (variable, url, remedy) => {
    const environment = { ...PRODUCTION, [variable]: url };
    expect(refusalOf(environment)?.problems).toEqual([
      {
        variable,
        cause: 'reaches another machine without TLS',
        remedy: expect.stringContaining(remedy) as string,
      },
    ]);
    expect(refusalOf(environment)?.message).not.toContain(PASSWORD);
    expect(problemsOf({ ...environment, [settingOf(variable)]: 'off' })).toEqual([]);
    expect(problemsOf({ ...environment, NODE_ENV: 'development' })).toEqual([]);
  });

  it.each(PROTECTED)('is allowed if it is encrypted, local, or explicitly unencrypted: %s=%s', (variable, url) => {
    expect(problemsOf({ ...PRODUCTION, [variable]: url })).toEqual([]);
  });

  it.each([
    ['DATABASE_URL', 'postgres://localhost/app'],
    ['DATABASE_URL', `postgres://${ELSEWHERE}?sslmode=disable`],
    ['REDIS_URL', 'redis://localhost'],
    ['MAIL_URL', 'smtp://localhost?ignoreTLS=true'],
  ])('is refused without encryption if TLS is required: %s=%s', (variable, url) => {
    const environment = { [variable]: url, [settingOf(variable)]: 'required' };
    expect(problemsOf(environment)).toEqual([expect.stringMatching(`^${variable}: .*without TLS`)]);
  });

  it.each([
    ['DATABASE_URL', `postgres://${ELSEWHERE}?sslmode=no-verify`],
    ['DATABASE_URL', `postgres://${ELSEWHERE}?uselibpqcompat=true&sslmode=require`],
    ['MAIL_URL', `smtps://app:${PASSWORD}@mail.internal?tls.rejectUnauthorized=false`],
  ])('causes a warning if it does not verify the certificate: %s=%s', (variable, url) => {
    const { warnings } = loadConfig({ ...PRODUCTION, [variable]: url });
    expect(warnings).toEqual([expect.stringContaining(`${variable} asks for TLS and does not check the certificate`)]);
  });

  it.each<[MAIL_URL: string, mode: string, MAIL_TLS: string, requireTls: boolean]>([
    ['smtp://mail.example', 'production', '', true],
    ['smtp://mail.example', 'production', 'off', false],
    ['smtp://mail.example', 'development', '', false],
    ['smtp://mail.example', 'development', 'required', true],
    ['smtp://localhost', 'production', '', false],
    ['smtp://localhost', 'production', 'required', true],
  ])('to %s in %s with MAIL_TLS=%j requires STARTTLS: %s', (MAIL_URL, NODE_ENV, MAIL_TLS, requireTls) => {
    expect(loadConfig({ ...PRODUCTION, NODE_ENV, MAIL_URL, MAIL_TLS }).config.mail.requireTls).toBe(requireTls);
  });

  it.each([
    [
      'AUDIT_DIGEST_BUCKET',
      'http://key:k3Jq9Vx2wQ@s3.internal/digests',
      'http://key:k3Jq9Vx2wQ@127.0.0.1:9000/digests',
    ],
    ['BREACHED_PASSWORDS_URL', 'http://passwords.internal/range/', 'http://localhost:8080/range/'],
  ])('is refused over plain HTTP: %s', (variable, url, local) => {
    expect(problemsOf({ ...PRODUCTION, [variable]: url })).toEqual([
      expect.stringContaining(`${variable}: begins with http://`),
    ]);
    expect(problemsOf({ ...PRODUCTION, [variable]: local })).toEqual([]);
    expect(problemsOf({ ...PRODUCTION, [variable]: url.replace('http:', 'https:') })).toEqual([]);
  });
});
