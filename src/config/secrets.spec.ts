import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PRODUCTION, problemsOf, refusalOf } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';
import { VARIABLE_NAMES, VARIABLES, type VariableName } from './variables.js';

const folder = mkdtempSync(join(tmpdir(), 'bulwark-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

function keySet(...keys: object[]): string {
  const file = join(folder, `${randomBytes(8).toString('hex')}.json`);
  writeFileSync(file, JSON.stringify({ keys }));
  return file;
}

const secretKey = (bytes: string | Buffer, kid: string) => ({
  kty: 'oct',
  kid,
  alg: 'HS256',
  k: Buffer.from(bytes as string).toString('base64url'),
});
const STRONG_KEY = secretKey(randomBytes(32), 'strong');
const [WEAK, STRONG] = ['changeme-Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eU', 'kR8vXw2pLq9TzYb4Nc6MdHs3JfGa7eUo'];

/** The example key for ES256 at jwt.io. */
const PRINTED_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----`;

/** A weak value of each variable that holds a secret, and the command that makes a good one. */
const WEAK_VALUES: Partial<Record<VariableName, [environment: Record<string, string>, command: string]>> = {
  DATABASE_URL: [{ DATABASE_URL: 'postgres://app:postgres@db.internal/app?sslmode=require' }, 'openssl rand -hex 24'],
  DATABASE_MIGRATION_URL: [
    { DATABASE_MIGRATION_URL: 'postgres://owner:postgres@db.internal/app?sslmode=require' },
    'openssl rand -hex 24',
  ],
  REDIS_URL: [{ REDIS_URL: 'rediss://:redis123@cache.internal' }, 'openssl rand -hex 24'],
  MAIL_URL: [{ MAIL_URL: 'smtps://app:password@mail.internal' }, 'openssl rand -hex 24'],
  AUDIT_DIGEST_BUCKET: [
    { AUDIT_DIGEST_BUCKET: 'https://minioadmin:minioadmin@s3.internal/digests' },
    'openssl rand -hex 24',
  ],
  JWT_SECRET: [{ JWT_SECRET: WEAK }, 'openssl rand -base64 48'],
  JWT_PRIVATE_KEY: [{ JWT_SECRET: '', JWT_PRIVATE_KEY: PRINTED_KEY }, 'openssl genpkey -algorithm ed25519'],
  JWT_KEYS_FILE: [
    { JWT_SECRET: '', JWT_KEYS_FILE: keySet(STRONG_KEY, secretKey(WEAK, 'old')) },
    'nest-bulwark keys rotate',
  ],
  PASSWORD_PEPPER: [{ PASSWORD_PEPPER: WEAK }, 'openssl rand -base64 48'],
  AUTH_ENCRYPTION_KEYS: [{ AUTH_ENCRYPTION_KEYS: `${WEAK},${STRONG}` }, 'openssl rand -base64 48'],
  CURSOR_SECRET: [{ CURSOR_SECRET: WEAK }, 'openssl rand -base64 48'],
  AUDIT_SEAL_SECRET: [{ AUDIT_SEAL_SECRET: WEAK }, 'openssl rand -base64 48'],
  AUDIT_SIGNING_KEY: [{ AUDIT_SIGNING_KEY: PRINTED_KEY }, 'openssl genpkey -algorithm ed25519'],
  METRICS_TOKEN: [{ METRICS_TOKEN: 'prometheus' }, 'openssl rand -base64 48'],
  ADMIN_PASSWORD: [{ ADMIN_EMAIL: 'root@example.com', ADMIN_PASSWORD: 'P@ssw0rd123!' }, 'openssl rand -base64 18'],
};

/** Old secrets cannot be replaced by stronger ones: they verify data that was sealed with them. */
const ONLY_WARNED_OF: VariableName[] = ['AUDIT_SEAL_OLD_SECRETS'];

/** Variables that are named like secrets, but are not secret. */
const NO_SECRETS: VariableName[] = [
  'AUTH_TOKEN_CACHE_SIZE', // a number
  'PASSWORD_PROFILE', // a name
  'BREACHED_PASSWORDS_URL', // a service without client credentials
  'BREACHED_PASSWORDS_TIMEOUT', // a duration
  'AUDIT_SIGNING_OLD_KEYS', // public keys
  'SENTRY_DSN', // meant to be public
];

const held = VARIABLE_NAMES.filter((name) => VARIABLES[name].secret !== undefined);

describe('a variable that holds a secret', () => {
  it('is marked as a secret', () => {
    const named = VARIABLE_NAMES.filter((name) => /SECRET|PASSWORD|TOKEN|KEY|PEPPER|DSN|_URL|BUCKET/.test(name));
    expect(named.filter((name) => !held.includes(name)).toSorted()).toEqual(NO_SECRETS.toSorted());
  });

  it('has a weak value in this test', () => {
    expect([...Object.keys(WEAK_VALUES), ...ONLY_WARNED_OF].toSorted()).toEqual([...held].toSorted());
  });

  it.each(Object.entries(WEAK_VALUES))('is refused in production with a weak value: %s', (name, [weak, command]) => {
    const problems = refusalOf({ ...PRODUCTION, ...weak })?.problems;
    expect(problems).toEqual([expect.objectContaining({ variable: name })]);
    expect(problems?.[0]?.remedy).toContain(command);
    expect(problems?.[0]?.cause).not.toContain(weak[name]);
  });

  it.each(Object.entries(WEAK_VALUES))('is also checked if it is read from a file: %s_FILE', (name, [weak]) => {
    if (name === 'JWT_KEYS_FILE') return;
    const file = join(folder, name);
    writeFileSync(file, weak[name] ?? '');
    const environment = { ...PRODUCTION, ...weak, [name]: '', [`${name}_FILE`]: file };
    expect(refusalOf(environment)?.problems).toEqual([expect.objectContaining({ variable: name })]);
  });

  it.each(Object.entries(WEAK_VALUES))('is accepted in development with a weak value: %s', (_name, [weak]) => {
    expect(problemsOf({ ...PRODUCTION, ...weak, NODE_ENV: 'development' })).toEqual([]);
  });

  it.each([
    ['DATABASE_URL', 'postgres://app@db.internal/app?sslmode=require&user=app&password=app'],
    ['DATABASE_URL', 'postgres://app:secret@db.internal/app?sslmode=require'],
    ['DATABASE_URL', 'postgres://horatio:horatio@db.internal/app?sslmode=require'],
    ['DATABASE_URL', 'postgres://app:p%61ssword@localhost/app'],
    ['REDIS_URL', 'rediss://:pw@cache.internal'],
  ])('is refused with a weak password in its URL: %s=%s', (variable, url) => {
    expect(problemsOf({ ...PRODUCTION, [variable]: url })).toEqual([expect.stringContaining('its password ')]);
  });

  it.each(['postgres://app@db.internal/app?sslmode=verify-full&sslcert=/c.pem&sslkey=/k.pem'])(
    'may omit the password if clients authenticate with a certificate: %s',
    (DATABASE_URL) => {
      expect(problemsOf({ ...PRODUCTION, DATABASE_URL })).toEqual([]);
    },
  );
});

describe('the keys of JWT_KEYS_FILE', () => {
  const problemsOfKeys = (...keys: object[]) =>
    problemsOf({ ...PRODUCTION, JWT_SECRET: '', JWT_KEYS_FILE: keySet(...keys) });

  it.each<[key: object, cause: string]>([
    [secretKey('aabbccdd'.repeat(6), 'a'), 'key "a" is a shorter text repeated'],
    [secretKey(Buffer.alloc(32, 7), 'b'), 'key "b" is a shorter text repeated'],
    [secretKey('changeme'.padEnd(40, 'x8Qz'), 'c'), 'key "c" contains a well-known example value'],
    [
      { kty: 'oct', k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow' },
      'key 1',
    ],
    [
      { kty: 'OKP', crv: 'Ed25519', d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', kid: 'd' },
      'key "d" is a printed',
    ],
    [{ kty: 'EC', crv: 'P-256', d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI', kid: 'e' }, 'key "e" is a printed'],
  ])('are refused if they are weak or publicly known: %o', (key, cause) => {
    expect(problemsOfKeys(key)).toEqual([expect.stringContaining(`JWT_KEYS_FILE: ${cause}`)]);
  });

  it('are checked one by one', () => {
    expect(problemsOfKeys(secretKey('short', 'a'), STRONG_KEY, secretKey('short', 'b'))).toHaveLength(2);
  });

  it('are accepted if they are random', () => {
    expect(problemsOfKeys(STRONG_KEY, secretKey(randomBytes(64), 'other'))).toEqual([]);
  });
});

describe('a secret that only reads old data', () => {
  it.each([
    ['AUTH_ENCRYPTION_KEYS', `${STRONG},${WEAK}`, 'secret 2 of 2'],
    ['AUDIT_SEAL_OLD_SECRETS', `none,${WEAK}`, 'secret 1 of 2'],
  ])('causes a warning if it is weak: %s', (variable, value, which) => {
    const { warnings } = loadConfig({ ...PRODUCTION, [variable]: value });
    expect(warnings).toEqual([expect.stringContaining(`${variable}: ${which} contains a well-known example value`)]);
    expect(warnings.join()).not.toContain(WEAK);
  });
});
