import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PRODUCTION, problemsOf } from '../../test/support/config.js';

const pem = (curve: string) =>
  generateKeyPairSync('ec', { namedCurve: curve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const P256 = pem('prime256v1');
/** A text of different letters, each of two bytes in UTF-8. */
const greek = (letters: number) =>
  Array.from({ length: letters }, (_, at) => String.fromCharCode(0x3b1 + 5 * at)).join('');
const ADMIN = { ADMIN_EMAIL: 'root@example.com', ADMIN_PASSWORD: 'Wq7-frost-lantern' };

/** Each rule with a refused environment, the expected problem, and a similar environment that is accepted. */
const IN_EVERY_MODE: [rule: string, bad: Record<string, string>, problem: string, good: Record<string, string>][] = [
  [
    'the minimum size of the pool is not above its maximum size',
    { DATABASE_POOL_MIN: '6', DATABASE_POOL_MAX: '5' },
    'DATABASE_POOL_MIN: 6 is more than DATABASE_POOL_MAX (5)',
    { DATABASE_POOL_MIN: '5', DATABASE_POOL_MAX: '5' },
  ],
  [
    'credentials are allowed only for listed origins',
    { CORS_ORIGINS: 'https://app.example,*', CORS_CREDENTIALS: 'true' },
    'CORS_ORIGINS: * together with CORS_CREDENTIALS would let every site act as the signed-in user',
    { CORS_ORIGINS: 'https://app.example', CORS_CREDENTIALS: 'true' },
  ],
  [
    'all origins are allowed only without credentials',
    { CORS_ORIGINS: '*', CORS_CREDENTIALS: 'true' },
    'CORS_ORIGINS: * together with CORS_CREDENTIALS would let every site act as the signed-in user',
    { CORS_ORIGINS: '*' },
  ],
  [
    'events are copied to Redis only if Redis is configured',
    { AUDIT_SINK_REDIS_STREAM: 'audit' },
    'AUDIT_SINK_REDIS_STREAM: names a stream of a Redis that is not named',
    { AUDIT_SINK_REDIS_STREAM: 'audit', REDIS_URL: 'rediss://cache' },
  ],
  [
    'tokens are signed with a secret or a private key, not with both',
    { JWT_SECRET: 'some secret', JWT_PRIVATE_KEY: P256 },
    'JWT_SECRET: is set together with JWT_PRIVATE_KEY, and tokens are signed by one of them',
    { JWT_PRIVATE_KEY: P256 },
  ],
  [
    'the private key uses a supported curve',
    { JWT_PRIVATE_KEY: pem('secp384r1') },
    'JWT_PRIVATE_KEY: is a key of type ec secp384r1, and tokens need one on Ed25519 or P-256',
    { JWT_PRIVATE_KEY: P256 },
  ],
  [
    'the private key is a valid PEM file',
    { JWT_PRIVATE_KEY: P256.replaceAll('\n', ' ') },
    'JWT_PRIVATE_KEY: is not a PEM private key, or is one with a passphrase',
    { JWT_PRIVATE_KEY: P256 },
  ],
  [
    'an administrator has a password',
    { ADMIN_EMAIL: ADMIN.ADMIN_EMAIL },
    'ADMIN_PASSWORD: is missing, and the other half of the first administrator is set',
    ADMIN,
  ],
  [
    'an administrator has an email',
    { ADMIN_PASSWORD: ADMIN.ADMIN_PASSWORD },
    'ADMIN_EMAIL: is missing, and the other half of the first administrator is set',
    ADMIN,
  ],
  [
    'a password has at least 8 characters',
    { ...ADMIN, ADMIN_PASSWORD: '7 chars' },
    'ADMIN_PASSWORD: is shorter than 8 characters',
    { ...ADMIN, ADMIN_PASSWORD: '8 chars!' },
  ],
  [
    'a password is not longer than bcrypt can read',
    { ...ADMIN, ADMIN_PASSWORD: greek(37) },
    'ADMIN_PASSWORD: is shorter than 8 characters, longer than the 72 bytes',
    { ...ADMIN, ADMIN_PASSWORD: greek(36) },
  ],
];

const IN_PRODUCTION: typeof IN_EVERY_MODE = [
  [
    'a signing key is configured',
    { JWT_SECRET: '' },
    'JWT_SECRET: is required in production',
    { JWT_SECRET: '', JWT_PRIVATE_KEY: P256 },
  ],
  [
    'the secret has at least 32 bytes',
    { JWT_SECRET: 'Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eU' },
    'JWT_SECRET: has 31 bytes, fewer than 32; tokens could be forged',
    { JWT_SECRET: 'Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eUo' },
  ],
  [
    'the secret is not a well-known example',
    { JWT_SECRET: 'your-256-bit-secret-Vw3k9QpXz7RmT2yLcB8n' },
    'JWT_SECRET: contains a well-known example value; tokens could be forged',
    {},
  ],
  [
    'the secret is random',
    { JWT_SECRET: 'aabbccdd'.repeat(6) },
    'JWT_SECRET: is a shorter text repeated; tokens could be forged',
    {},
  ],
  [
    'the database is a separate server, unless the embedded one is allowed',
    { DATABASE_URL: '' },
    'DATABASE_URL: is required in production: the embedded database has no replicas, backups or upgrades',
    { DATABASE_URL: '', DATABASE_EMBEDDED_IN_PRODUCTION: 'true' },
  ],
  [
    'the metrics token cannot be guessed',
    { METRICS_TOKEN: 'prometheus' },
    'METRICS_TOKEN: has 10 bytes, fewer than 32; metrics could be read',
    { METRICS_TOKEN: 'kR8vXw2pLq9TzYb4Nc6MdHs3JfGa7eUo' },
  ],
  [
    'the password of the administrator does not consist of common words',
    { ...ADMIN, ADMIN_PASSWORD: 'P@ssw0rd123!' },
    'ADMIN_PASSWORD: is made of words that are guessed first',
    ADMIN,
  ],
  [
    'the password of the administrator is not the name of the account',
    { ADMIN_EMAIL: 'horatio.n@example.com', ADMIN_PASSWORD: 'Horatio.N' },
    'ADMIN_PASSWORD: is the name of its account',
    ADMIN,
  ],
  [
    'the cost of password hashes is at least 10',
    { BCRYPT_COST: '9' },
    'BCRYPT_COST: 9 makes stolen hashes cheap to guess',
    { BCRYPT_COST: '10' },
  ],
];

describe.each(['development', 'test', 'production'])('in %s', (mode) => {
  // Production also requires a signing key and a database. The rules for them are below.
  const base = mode === 'production' ? PRODUCTION : { NODE_ENV: mode };
  const settle = (env: Record<string, string>) => ({
    ...base,
    ...('JWT_PRIVATE_KEY' in env && { JWT_SECRET: '' }),
    ...env,
  });

  it.each(IN_EVERY_MODE)('%s', (_rule, bad, problem, good) => {
    expect(problemsOf(settle(bad))).toContainEqual(expect.stringContaining(problem));
    expect(problemsOf(settle(good))).toEqual([]);
  });
});

describe('production requires that', () => {
  it.each(IN_PRODUCTION)('%s', (_rule, bad, problem, good) => {
    expect(problemsOf({ ...PRODUCTION, ...bad })).toEqual([expect.stringContaining(problem)]);
    expect(problemsOf({ ...PRODUCTION, ...good })).toEqual([]);
  });

  it.each(IN_PRODUCTION)('%s, but development does not', (_rule, bad) => {
    expect(problemsOf({ ...PRODUCTION, ...bad, NODE_ENV: 'development' })).toEqual([]);
  });
});
