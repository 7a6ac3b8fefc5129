import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createApiKey } from '../api-keys/api-key-format.js';
import { generateRecoveryCodes } from '../auth/second-factor/recovery-codes.js';
import { isSecretName, redactSecrets } from './secret-shapes.js';

const random = (bytes: number) => randomBytes(bytes).toString('base64url');
const [recoveryCode = ''] = generateRecoveryCodes();

const SECRETS: Record<string, () => string> = {
  'an API key': () => createApiKey(randomUUID()).key,
  'a truncated API key': () => createApiKey(randomUUID()).key.slice(0, 60),
  'a refresh token of two parts': () => `${randomUUID()}.${random(32)}`,
  'a refresh token of three parts': () => `${randomUUID()}.${random(32)}.${random(16)}`,
  'a one-time token': () => random(32),
  'a recovery code': () => generateRecoveryCodes()[0] ?? '',
  'a recovery code in lower case': () => recoveryCode.toLowerCase(),
  'a recovery code without dashes': () => recoveryCode.replaceAll('-', ''),
  'an access token': () => `eyJhbGciOiJIUzI1NiJ9.${random(60)}.${random(32)}`,
};

const PLACES: Record<string, (secret: string) => string> = {
  alone: (secret) => secret,
  'in a path': (secret) => `/auth/reset/${secret}/form`,
  'in a query': (secret) => `/reset?token=${secret}&next=1`,
  'in a sentence': (secret) => `the token "${secret}" is unknown.`,
  'in a stack': (secret) => `Error: no such key: ${secret}\n    at look (file:///app/dist/keys.js:3:4)`,
  'in JSON': (secret) => JSON.stringify({ msg: 'x', value: secret, next: 1 }),
};

describe('secrets of the library', () => {
  describe.each(Object.entries(SECRETS))('%s', (_name, make) => {
    it.each(Object.entries(PLACES))('is redacted %s', (_place, put) => {
      for (let i = 0; i < 200; i++) {
        const secret = make();
        const text = redactSecrets(put(secret));
        expect(text).toBe(put('[redacted]'));
      }
    });
  });

  it('are redacted in URLs and private keys', () => {
    expect(redactSecrets('postgres://app:hunter2@db/app')).toBe('postgres://app:[redacted]@db/app');
    const line = JSON.stringify({ key: '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----', next: 1 });
    expect(JSON.parse(redactSecrets(line))).toEqual({ key: '[redacted]', next: 1 });
  });

  it.each([
    randomUUID(),
    `user:${randomUUID()}`,
    'a'.repeat(43),
    '507f1f77bcf86cd799439011',
    'f'.repeat(64),
    'CreateIdempotencyKeys1795780005000',
    'TransformInterceptorBase',
    'some-long-name-of-a-file-with-forty-three-xy',
    '{"url":"http://localhost:3000","email":"someone@example.com"}',
    'at Object.readFileHandle (node:internal/fs/promises:441:24)',
  ])('are not found in %s', (text) => {
    expect(redactSecrets(text)).toBe(text);
  });

  it.each(['mfaToken', 'refresh_token', 'recoveryCodes', 'API-Key', 'newPassword', 'token'])(
    'are recognized by the name %s',
    (name) => {
      expect(isSecretName(name)).toBe(true);
    },
  );

  it.each(['apiKeyId', 'tokenType', 'code', 'maxTokens', 'reason'])('are not recognized by the name %s', (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});
