import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../common/index.js';
import { authSettings } from '../auth.options.js';
import { loadSigningKey, type SigningKey } from '../tokens/signing-key.js';
import { formatRefreshToken, isIssuedHere, parseRefreshToken, type RefreshToken } from './refresh-token.js';

const folder = mkdtempSync(join(tmpdir(), 'refresh-token-'));
afterAll(() => rmSync(folder, { recursive: true }));

const jwk = (kid: string) => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
  kid,
});
function ring(...keys: object[]): SigningKey {
  const keysFile = join(folder, `${uuidv7()}.json`);
  writeFileSync(keysFile, JSON.stringify({ keys }));
  return loadSigningKey(authSettings({ keysFile }));
}
const newSecret = () => randomBytes(32).toString('base64url');
const parsed = (token: string) => parseRefreshToken(token) as RefreshToken;

describe('a refresh token', () => {
  const [first, second] = [jwk('first'), jwk('second')];

  it('is recognized by its issuer, but not with another secret, session or tag', () => {
    const key = ring(first);
    const [id, secret] = [uuidv7(), newSecret()];
    const token = formatRefreshToken(key, id, secret);
    const { tag } = parsed(token);
    expect(isIssuedHere(key, parsed(token))).toBe(true);
    expect(isIssuedHere(key, { id, secret: newSecret(), tag })).toBe(false);
    expect(isIssuedHere(key, { id: uuidv7(), secret, tag })).toBe(false);
    expect(isIssuedHere(key, { id, secret, tag: newSecret().slice(0, 22) })).toBe(false);
    expect(isIssuedHere(key, { id, secret, tag: undefined })).toBe(false);
  });

  it('is recognized while its key is configured', () => {
    const token = parsed(formatRefreshToken(ring(first), uuidv7(), newSecret()));
    expect(isIssuedHere(ring(second, first), token)).toBe(true);
    expect(isIssuedHere(ring(second), token)).toBe(false);
  });

  it.each(['', 'x', '.', `${uuidv7()}.`, `${uuidv7()}.${newSecret()}.`, `${uuidv7()}.${newSecret()}.short`, '%00'])(
    'is not accepted as %j',
    (text) => expect(parseRefreshToken(text)).toBeUndefined(),
  );
});
