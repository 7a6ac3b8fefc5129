import {
  createHmac,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, TestApp, type AdapterName, type Visitor } from '../support/harness.js';

const newPair = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};
type Algorithm = keyof typeof newPair;
const newKey = newPair.ES256;
const jwkOf = (key: KeyObject, kid: string): JsonWebKey => ({ ...key.export({ format: 'jwk' }), kid });
const part = (value: object | string) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const decoded = (token: string, at: number) =>
  JSON.parse(Buffer.from(token.split('.')[at] ?? '', 'base64url').toString()) as Record<string, unknown>;

/** A token with the claims of another token, and with a header and a signature of the attacker. */
function forged(token: string, header: object, signature: (signed: string) => Buffer): string {
  const signed = `${part(header).toString('base64url')}.${token.split('.')[1] ?? ''}`;
  return `${signed}.${signature(signed).toString('base64url')}`;
}

const signer = (key: KeyObject) => (signed: string) =>
  key.asymmetricKeyType === 'ed25519'
    ? sign(null, Buffer.from(signed), key)
    : sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });

const ring = async (path: string, keys: JsonWebKey[]) => {
  const file = join(path, `${randomUUID()}.json`);
  await writeFile(file, JSON.stringify({ keys }));
  return { JWT_SECRET: '', JWT_KEYS_FILE: file };
};

const onBoth = (suite: (adapter: AdapterName, alg: Algorithm) => void) =>
  onBothAdapters('a ring of signing keys', (adapter) => {
    describe.each(['ES256', 'EdDSA'] as const)('for %s', (alg) => {
      suite(adapter, alg);
    });
  });

onBoth((adapter, alg) => {
  const [old, young] = [newPair[alg](), newPair[alg]()];
  const attacker = newPair[alg]();
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let app: TestApp;
  let visitor: Visitor;
  const codeOf = async (token: string, on = app) => {
    const { body, status } = await on.get('/auth/profile', { token });
    return body.code ?? status;
  };
  beforeAll(async () => {
    folder = await testFolder();
    const keys = [jwkOf(old.privateKey, 'old'), jwkOf(young.privateKey, 'young')];
    app = await TestApp.start({ HTTP_ADAPTER: adapter, ...(await ring(folder.path, keys)) });
    visitor = await app.register();
  });
  afterAll(async () => {
    await app.stop();
    await folder.stop();
  });

  it('signs with its first private key and names it in the token', () => {
    expect(decoded(visitor.token, 0)).toEqual({ alg, typ: 'at+jwt', kid: 'old' });
  });

  it('publishes only the public keys, without authentication, as a cacheable response', async () => {
    const answer = await app.get('/.well-known/jwks.json');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toContain('application/jwk-set+json');
    expect(answer.headers['cache-control']).toBe('public, max-age=300');
    expect(JSON.parse(answer.text)).toEqual({
      keys: [old, young].map(({ publicKey }, i) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid: ['old', 'young'][i],
        alg,
        use: 'sig',
      })),
    });
  });

  it('can be rotated while current tokens stay valid', async () => {
    const next = await TestApp.start(
      await ring(folder.path, [jwkOf(young.privateKey, 'young'), jwkOf(old.publicKey, 'old')]),
    );
    try {
      const fresh = await next.register();
      expect(decoded(fresh.token, 0)).toMatchObject({ kid: 'young' });
      expect([await codeOf(visitor.token, next), await codeOf(fresh.token, app)]).toEqual([200, 200]);
    } finally {
      await next.stop();
    }
    const last = await TestApp.start(await ring(folder.path, [jwkOf(young.privateKey, 'young')]));
    try {
      expect(await codeOf(visitor.token, last)).toBe('AUTH_TOKEN_INVALID');
    } finally {
      await last.stop();
    }
  });

  it('accepts a token of this test with the right key (control for the refusals below)', async () => {
    const token = forged(visitor.token, { alg, typ: 'at+jwt', kid: 'old' }, signer(old.privateKey));
    expect(await codeOf(token)).toBe(200);
  });

  const jwk = attacker.publicKey.export({ format: 'jwk' });
  it.each<[string, object]>([
    ['with the kid of a trusted key', { kid: 'old' }],
    ['with a path as kid', { kid: '../../../../dev/null' }],
    ['with SQL as kid', { kid: "' UNION SELECT 'key" }],
    ['with a property of every object as kid', { kid: '__proto__' }],
    ['with a method of every object as kid', { kid: 'constructor' }],
    ['with a NUL character in kid', { kid: 'old\0' }],
    ['with kid null', { kid: null }],
    ['with a kid that is not a string', { kid: ['old'] }],
    ['without kid', {}],
    ['that is embedded in the token', { jwk }],
    ['that is embedded with the kid of a trusted key', { kid: 'old', jwk: { ...jwk, kid: 'old' } }],
    ['with the URL of a key', { jku: 'https://evil.example/jwks.json', kid: 'evil' }],
    ['with a certificate', { x5c: ['MIIB'], x5u: 'https://evil.example/cert.pem', kid: 'old' }],
  ])('refuses an unknown key %s', async (_what, header) => {
    const token = forged(visitor.token, { alg, typ: 'at+jwt', ...header }, signer(attacker.privateKey));
    expect(await codeOf(token)).toBe('AUTH_TOKEN_INVALID');
  });

  it.each(['pem', 'jwk'])('refuses a token signed with its public key as an HMAC secret (%s)', async (format) => {
    const secret =
      format === 'pem'
        ? old.publicKey.export({ type: 'spki', format: 'pem' })
        : JSON.stringify(jwkOf(old.publicKey, 'old'));
    const hmac = (signed: string) => createHmac('sha256', secret).update(signed).digest();
    expect(await codeOf(forged(visitor.token, { alg: 'HS256', typ: 'at+jwt', kid: 'old' }, hmac))).toBe(
      'AUTH_TOKEN_INVALID',
    );
  });

  it.each(['none', 'None', 'NONE', 'nOnE', '', 'none '])('refuses algorithm %j', async (none) => {
    const token = forged(visitor.token, { alg: none, typ: 'at+jwt', kid: 'old' }, () => Buffer.alloc(0));
    expect(await codeOf(token)).toMatch(/^AUTH_TOKEN_(?:INVALID|MALFORMED)$/);
  });

  it('refuses a token that was changed or shortened', async () => {
    const [header = '', claims = '', signature = ''] = visitor.token.split('.');
    const admin = part({ ...decoded(visitor.token, 1), roles: ['Admin'] }).toString('base64url');
    const changed = [
      `${header}.${admin}.${signature}`,
      `${header}.${claims}.${signature.slice(0, -4)}`,
      `${header}.${claims}.`,
      `${header}.${claims.slice(0, -4)}.${signature}`,
      `${header}.${claims}.${Buffer.alloc(64).toString('base64url')}`,
    ];
    for (const token of changed) expect(await codeOf(token)).toMatch(/^AUTH_TOKEN_(?:INVALID|MALFORMED)$/);
  });
});

describe('a ring of signing keys of several types', () => {
  it('accepts tokens of the old secret, and each key verifies only with its own algorithm', async () => {
    const folder = await testFolder();
    const secret = randomBytes(32).toString('base64url');
    const before = await TestApp.start({ JWT_SECRET: secret });
    const visitor = await before.register();
    const young = newPair.EdDSA();
    const oct = { kty: 'oct', k: Buffer.from(secret).toString('base64url') };
    const after = await TestApp.start(
      await ring(folder.path, [jwkOf(young.privateKey, 'young'), oct, jwkOf(newKey().publicKey, 'other')]),
    );
    const codeOf = async (token: string) => {
      const { body, status } = await after.get('/auth/profile', { token });
      return body.code ?? status;
    };
    try {
      expect(await codeOf(visitor.token)).toBe(200);
      const fresh = await after.login(visitor.email, visitor.password);
      expect(decoded(fresh.token, 0)).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: 'young' });
      expect(await codeOf(fresh.token)).toBe(200);
      const { keys } = (await after.get('/.well-known/jwks.json')).body;
      expect(keys.map(({ kid }: { kid: string }) => kid)).toEqual(['young', 'other']);

      const hmac = (signed: string) => createHmac('sha256', secret).update(signed).digest();
      const named = (header: object) => forged(fresh.token, { typ: 'at+jwt', ...header }, hmac);
      expect(await codeOf(named({ alg: 'HS256' }))).toBe(200);
      expect(await codeOf(named({ alg: 'HS256', kid: 'young' }))).toBe('AUTH_TOKEN_INVALID');
      expect(await codeOf(named({ alg: 'EdDSA' }))).toBe('AUTH_TOKEN_INVALID');
      const crossed = forged(fresh.token, { alg: 'ES256', typ: 'at+jwt', kid: 'young' }, signer(young.privateKey));
      expect(await codeOf(crossed)).toBe('AUTH_TOKEN_INVALID');
    } finally {
      await before.stop();
      await after.stop();
      await folder.stop();
    }
  });
});

describe('an application with unusable signing keys does not start', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['invalid JSON', () => 'nonsense', /cannot be read/],
    ['an empty key set', () => ({ keys: [] }), /contains no keys/],
    ['a set of public keys only', () => ({ keys: [jwkOf(newKey().publicKey, 'a')] }), /tokens cannot be signed/],
    [
      'two keys with the same kid',
      () => ({ keys: [jwkOf(newKey().privateKey, 'a'), jwkOf(newKey().privateKey, 'a')] }),
      /same "kid"/,
    ],
    ['a short secret', () => ({ keys: [{ kty: 'oct', k: 'c2hvcnQ', kid: 'a' }] }), /32 bytes/],
    [
      'an unsupported curve',
      () => ({ keys: [generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' })] }),
      /P-256/,
    ],
  ])('refuses %s', async (_what, content, message) => {
    const folder = await testFolder();
    const file = join(folder.path, 'keys.json');
    const value = content();
    await writeFile(file, typeof value === 'string' ? value : JSON.stringify(value));
    await expect(TestApp.start({ JWT_SECRET: '', JWT_KEYS_FILE: file })).rejects.toThrow(message);
    await folder.stop();
  });

  it('refuses a missing file', async () => {
    const env = { JWT_SECRET: '', JWT_KEYS_FILE: '/no/such/keys.json' };
    await expect(TestApp.start(env)).rejects.toThrow(/signing keys in \/no\/such\/keys.json cannot be read/);
  });
});

describe('an application with a secret', () => {
  it('publishes no key', async () => {
    const app = await TestApp.start();
    try {
      expect(JSON.parse((await app.get('/.well-known/jwks.json')).text)).toEqual({ keys: [] });
    } finally {
      await app.stop();
    }
  });
});
