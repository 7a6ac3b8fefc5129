import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { authSettings } from '../auth.options.js';
import { AccessTokenService } from './access-token.service.js';
import { AccessTokenVerifier, TokenFault } from './access-token.verifier.js';
import { loadSigningKey } from './signing-key.js';

const pem = (pair: { privateKey: import('node:crypto').KeyObject }) =>
  pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const SECRET = 'a secret of this spec, long enough for HS256';
const KEYS = {
  HS256: { secret: SECRET },
  ES256: { privateKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })) },
  EdDSA: { privateKey: pem(generateKeyPairSync('ed25519')) },
} as const;
type Algorithm = keyof typeof KEYS;
const ALGORITHMS = Object.keys(KEYS) as Algorithm[];

function setUp(algorithm: Algorithm, tokenCacheSize = 100) {
  const settings = authSettings({ ...KEYS[algorithm], tokenCacheSize });
  const key = loadSigningKey(settings);
  const issuer = new AccessTokenService(new JwtService(), settings, key);
  return { key, verifier: new AccessTokenVerifier(settings, key), issue: () => issuer.issue(PRINCIPAL) };
}

const PRINCIPAL = { id: 'u-1', email: 'a@example.com', roles: ['User'], sessionId: 's-1' };
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

/** Creates a token with a valid signature and any content, as a faulty issuer could. */
function signed(algorithm: Algorithm, claims: unknown, header: object = {}): string {
  const { kid } = loadSigningKey(authSettings(KEYS[algorithm]));
  const text = `${encode({ alg: algorithm, typ: 'at+jwt', ...(kid && { kid }), ...header })}.${encode(claims)}`;
  if (algorithm === 'HS256') return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
  const key = createPrivateKey(KEYS[algorithm].privateKey);
  const signature =
    algorithm === 'ES256'
      ? sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
      : sign(null, Buffer.from(text), key);
  return `${text}.${signature.toString('base64url')}`;
}

const claims = (overrides: object = {}) => ({
  sub: 'u-1',
  sid: 's-1',
  email: 'a@example.com',
  roles: ['User'],
  iss: 'nest-bulwark',
  aud: 'nest-bulwark',
  exp: now() + 60,
  ...overrides,
});

const codeOf = (result: unknown) => (result instanceof TokenFault ? result.code : 'accepted');

afterEach(() => {
  vi.useRealTimers();
});

describe.each(ALGORITHMS)('an access token signed with %s', (algorithm) => {
  const { verifier, issue } = setUp(algorithm);

  it('is accepted and identifies the principal', async () => {
    const token = await issue();
    expect(verifier.verify(token)).toMatchObject({ principal: PRINCIPAL });
    expect(verifier.verify(token)).toMatchObject({ principal: PRINCIPAL });
  });

  it('is accepted when this spec signs it, so each forgery below is refused for its fault alone', () => {
    expect(codeOf(verifier.verify(signed(algorithm, claims())))).toBe('accepted');
    expect(codeOf(verifier.verify(signed(algorithm, claims({ aud: ['other', 'nest-bulwark'] }))))).toBe('accepted');
  });

  it.each<[string, object, string]>([
    ['another issuer', { iss: 'https://evil.example' }, 'AUTH_TOKEN_WRONG_ISSUER'],
    ['no issuer', { iss: undefined }, 'AUTH_TOKEN_WRONG_ISSUER'],
    ['another audience', { aud: 'other' }, 'AUTH_TOKEN_WRONG_AUDIENCE'],
    ['audiences without ours', { aud: ['other', 'nest-bulwark2'] }, 'AUTH_TOKEN_WRONG_AUDIENCE'],
    ['an audience within an object', { aud: { includes: 'nest-bulwark' } }, 'AUTH_TOKEN_WRONG_AUDIENCE'],
    ['no audience', { aud: undefined }, 'AUTH_TOKEN_WRONG_AUDIENCE'],
    ['the time of its expiry', { exp: now() }, 'AUTH_TOKEN_EXPIRED'],
    ['a negative expiry', { exp: -1 }, 'AUTH_TOKEN_EXPIRED'],
    ['no expiry', { exp: undefined }, 'AUTH_TOKEN_INVALID'],
    ['an expiry as text', { exp: String(now() + 60) }, 'AUTH_TOKEN_INVALID'],
    ['a start in the future', { nbf: now() + 3_600 }, 'AUTH_TOKEN_INVALID'],
    ['a start as text', { nbf: '0' }, 'AUTH_TOKEN_INVALID'],
    ['no subject', { sub: undefined }, 'AUTH_TOKEN_INVALID'],
    ['a subject within an object', { sub: { id: 'u-1' } }, 'AUTH_TOKEN_INVALID'],
    ['no session', { sid: undefined }, 'AUTH_TOKEN_INVALID'],
    ['roles as text', { roles: 'Admin' }, 'AUTH_TOKEN_INVALID'],
    ['roles within roles', { roles: [['Admin']] }, 'AUTH_TOKEN_INVALID'],
  ])('is refused with %s', (_what, overrides, code) => {
    expect(codeOf(verifier.verify(signed(algorithm, claims(overrides))))).toBe(code);
  });

  it('is refused with an infinite expiry', () => {
    const endless = JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999');
    expect(codeOf(verifier.verify(signed(algorithm, endless)))).toBe('AUTH_TOKEN_INVALID');
  });

  it('uses the last of two claims with the same name, as JSON.parse does', () => {
    const twice = JSON.stringify(claims()).replace('"aud":', '"aud":"nest-bulwark","aud":"other","x":');
    expect(codeOf(verifier.verify(signed(algorithm, twice)))).toBe('AUTH_TOKEN_WRONG_AUDIENCE');
  });

  it.each<[string, unknown]>([
    ['a list', [claims()]],
    ['text', '"claims"'],
    ['null', 'null'],
    ['invalid JSON', '{"sub":'],
  ])('is malformed when its claims are %s', (_what, value) => {
    expect(codeOf(verifier.verify(signed(algorithm, value)))).toBe('AUTH_TOKEN_MALFORMED');
  });

  it.each<[string, object]>([
    ['a critical extension', { crit: ['exp'] }],
    ['an empty list of critical extensions', { crit: [] }],
    ['an unencoded payload', { b64: false, crit: ['b64'] }],
    ['another type', { typ: 'JWT' }],
    ['no type', { typ: undefined }],
    ...['none', 'None', 'nOnE', 'NONE', 'HS384', 'HS512', 'RS256', 'ES384', 'Ed448', 'hs256', '', ['HS256']].map(
      (alg): [string, object] => [`algorithm ${JSON.stringify(alg)}`, { alg }],
    ),
    ...ALGORITHMS.filter((other) => other !== algorithm).map((alg): [string, object] => [`algorithm ${alg}`, { alg }]),
  ])('is refused with %s in its header', (_what, header) => {
    expect(codeOf(verifier.verify(signed(algorithm, claims(), header)))).toBe('AUTH_TOKEN_INVALID');
  });

  it('is refused without its signature', () => {
    const [header = '', payload = ''] = signed(algorithm, claims()).split('.');
    expect(codeOf(verifier.verify(`${header}.${payload}.`))).toBe('AUTH_TOKEN_INVALID');
    expect(codeOf(verifier.verify(`${header}.${payload}`))).toBe('AUTH_TOKEN_MALFORMED');
  });

  it('has only one accepted encoding', () => {
    const token = signed(algorithm, claims());
    const last = token.at(-1) ?? '';
    // Two or four bits of the last character do not belong to any byte.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = token.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
    expect(Buffer.from(twin.split('.')[2] ?? '', 'base64url')).toEqual(
      Buffer.from(token.split('.')[2] ?? '', 'base64url'),
    );
    for (const other of [twin, `${token}=`, `${token}\n`, ` ${token}`]) {
      expect(codeOf(verifier.verify(other))).not.toBe('accepted');
    }
  });

  it('is refused if one character is changed, added or removed, also when the original is cached', async () => {
    const token = await issue();
    expect(codeOf(verifier.verify(token))).toBe('accepted');
    fc.assert(
      fc.property(
        fc.nat(token.length - 1),
        fc.constantFrom('change', 'add', 'drop'),
        fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 }),
        (at, how, character) => {
          const rest = token.slice(how === 'add' ? at : at + 1);
          const changed = token.slice(0, at) + (how === 'drop' ? '' : character) + rest;
          return changed === token || verifier.verify(changed) instanceof TokenFault;
        },
      ),
      { numRuns: algorithm === 'HS256' ? 2_000 : 300 },
    );
  });
});

describe('cached tokens', () => {
  it('expire', async () => {
    vi.useFakeTimers();
    const { verifier, issue } = setUp('HS256');
    const token = await issue();
    expect(codeOf(verifier.verify(token))).toBe('accepted');
    vi.advanceTimersByTime(15 * 60_000 - 1_000);
    expect(codeOf(verifier.verify(token))).toBe('accepted');
    vi.advanceTimersByTime(1_000);
    expect(codeOf(verifier.verify(token))).toBe('AUTH_TOKEN_EXPIRED');
  });

  it('do not make another token with the same signature valid', async () => {
    const { verifier, issue } = setUp('HS256');
    const token = await issue();
    verifier.verify(token);
    const [header = '', , signature = ''] = token.split('.');
    const forged = `${header}.${encode(claims({ roles: ['Admin'] }))}.${signature}`;
    expect(codeOf(verifier.verify(forged))).toBe('AUTH_TOKEN_INVALID');
    expect(codeOf(verifier.verify(`x${token}`))).not.toBe('accepted');
  });

  it('get the same results as without a cache', () => {
    const [cached, uncached] = [setUp('HS256').verifier, setUp('HS256', 0).verifier];
    const jwt = new JwtService({ secret: SECRET });
    const part = fc.oneof(
      fc.constant(claims()),
      fc.dictionary(fc.constantFrom('iss', 'aud', 'exp', 'nbf', 'sub', 'sid', 'roles'), fc.jsonValue()),
    );
    fc.assert(
      fc.property(part, fc.constantFrom('HS256', 'HS512', 'none'), (changes, alg) => {
        const token = signed('HS256', { ...claims(), ...changes }, { alg });
        const result = codeOf(uncached.verify(token));
        expect([codeOf(cached.verify(token)), codeOf(cached.verify(token))]).toEqual([result, result]);
        // jsonwebtoken accepts every token that is accepted here. It checks less.
        if (result === 'accepted') {
          jwt.verify(token, { algorithms: ['HS256'], issuer: 'nest-bulwark', audience: 'nest-bulwark' });
        }
      }),
    );
  });
});
